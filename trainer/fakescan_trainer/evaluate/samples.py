"""A labelled image of a test set, and what a detector answered about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fakescan.core.records import Label
from fakescan.errors import DataError

_REAL = frozenset({"0", "real", "reals", "0_real", "nature", "natural", "authentic", "human", "photo", "false"})
_FAKE = frozenset(
    {"1", "fake", "fakes", "1_fake", "ai", "generated", "ai-generated", "ai_generated", "synthetic", "true"}
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image."""

    path: str
    """Path relative to the test set's folder, POSIX separators."""
    file: Path
    """Where it lies."""
    fake: bool
    """Whether it is AI-generated."""
    group: str
    """The generator or source that figures are given for; empty when there is none."""
    matched: str = ""
    """Name of a group that holds real and fake images of one origin, or empty."""
    sha256: str = ""
    """Digest of the file where the test set records it, else empty."""
    reference: str = ""
    """What an annotator wrote about it, or empty."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """The images to measure on."""

    __test__ = False  # its name is no test's

    name: str
    """Name for tables."""
    layout: str
    """How it was read: ``folders``, ``generators``, ``csv``, ``mmfr``, ``manifest`` or ``given``."""
    samples: tuple[Sample, ...]
    """Ordered by path."""
    grouped_by: str = ""
    """What ``Sample.group`` is, in a word."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures should know, a sentence each."""

    @property
    def fakes(self) -> int:
        """AI-generated images."""
        return sum(sample.fake for sample in self.samples)

    @property
    def reals(self) -> int:
        """Real images."""
        return len(self.samples) - self.fakes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a detector said about a sample."""

    sample: Sample
    """The image."""
    p_fake: float | None
    """Its score, larger = more likely AI-generated; None when it gave none."""
    threshold: float
    """From which score on it calls an image AI-generated."""
    label: Label | None
    """Its verdict, INCONCLUSIVE included; None when it gave none."""
    error: str = ""
    """Why there is no score, as a slug; empty when there is one."""
    message: str = ""
    """The same in words."""
    sha256: str = ""
    """Digest of the file that was looked at, or empty."""
    stages: dict[str, str] = field(default_factory=dict)
    """Complete stages of its answer by name (``reasoning``, ``conclusion``, ...); empty without text."""

    @property
    def right(self) -> bool:
        """Whether the forced decision at the threshold is the label; an image without a score is not."""
        return self.p_fake is not None and (self.p_fake >= self.threshold) == self.sample.fake


def is_fake(text: object) -> bool:
    """A label as test sets write it.

    Args:
        text: ``real``, ``fake``, 0, 1 and their kin.

    Raises:
        ValueError: it is none of them.
    """
    word = str(text).strip().lower()
    if word in _FAKE:
        return True
    if word in _REAL:
        return False
    raise ValueError(f"{ascii(text)[:40]} is no label: use real or fake")


def folder_label(name: str) -> bool | None:
    """The label that a folder's name gives to everything below it, or None.

    Bare digits, ``true`` and ``photo`` are labels in a list, but too common as names of folders.
    """
    word = name.lower()
    if word in {"0", "1", "true", "false", "photo", "human"}:
        return None
    try:
        return is_fake(word)
    except ValueError:
        return None


def refuse_empty(samples: Sequence[Sample], where: str) -> None:
    """Refuse a set without images.

    Raises:
        DataError: there are none.
    """
    if not samples:
        raise DataError(f"no labelled image was found in {ascii(where)[1:-1]}", LAYOUT_HINT)


LAYOUT_HINT = (
    "give a folder with real/ and fake/ (or GENERATOR/0_real and GENERATOR/1_fake), a CSV list with the columns path "
    "and label, an MMFR file, or a manifest.jsonl; `fakescan eval --list-presets` shows known test sets"
)
"""What can be read."""
