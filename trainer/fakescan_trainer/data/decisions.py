"""What experts decided about annotations: accept, edit or reject. A file of JSON lines that only grows.

A decision is about the very texts that were looked at, which its ``of`` names; when the annotation has changed since,
it counts no more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from fakescan.core.answer import unknown_attributes
from fakescan.core.attributes import attributes_of
from fakescan.errors import DataError
from fakescan_trainer.data.samples import Sample, json_line

MOST_CHARS = 4_000
"""Of one text: more is no description of a picture."""


class Decision(StrEnum):
    """What becomes of an annotation."""

    ACCEPT = "accept"
    EDIT = "edit"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Decided:
    """One line."""

    image: str
    """Path of the image, relative to the root."""
    of: str
    """``digest_of`` the annotation that was looked at."""
    decision: Decision
    """What was decided."""
    caption: str
    """The caption from now on; empty unless it was edited."""
    attributes: Mapping[str, str]
    """The descriptions from now on; empty unless they were edited."""
    reviewer: str
    """Who decided, as typed."""
    note: str
    """Why, possibly empty."""
    at: str
    """When, UTC."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Samples after the experts' decisions."""

    samples: tuple[Sample, ...]
    """What is left, edited where it was."""
    counts: Mapping[str, int]
    """Samples by what became of them: ``accept``, ``edit``, ``reject``, ``changed since``, ``not reviewed``."""


def digest_of(sample: Sample) -> str:
    """What a decision is about: label and texts of a sample.

    Args:
        sample: with caption and attributes.
    """
    about = [sample.image, sample.label, sample.caption, sorted((sample.attributes or {}).items())]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def checked(
    sample: Sample, decision: str, caption: object, attributes: object, reviewer: object, note: object = ""
) -> Decided:
    """A decision as it came from the page, made sure to fit its image.

    Args:
        sample: what it is about.
        decision: what was decided.
        caption: the text from now on, where it was edited.
        attributes: names to texts from now on, where they were edited.
        reviewer: who decided.
        note: why.

    Raises:
        ValueError: what does not fit.
    """
    what = Decision(decision)
    texts = [caption, reviewer, note, *(attributes.values() if isinstance(attributes, dict) else [None])]
    if not all(isinstance(text, str) and len(text) <= MOST_CHARS for text in texts) or sample.label is None:
        raise ValueError("a text is missing or too long")
    assert isinstance(attributes, dict)  # noqa: S101 -- told above; for the type checker
    if not str(reviewer).strip():
        raise ValueError("nobody signs the decision")
    if unknown := sorted(set(attributes) - set(attributes_of(sample.label.value))):
        raise ValueError(unknown_attributes(unknown, sample.label))
    kept = {name: " ".join(text.split()) for name, text in attributes.items() if text.strip()}
    new_caption = " ".join(str(caption).split())
    if what is not Decision.EDIT:
        kept, new_caption = {}, ""
    elif not kept or not new_caption:
        raise ValueError("an edited annotation needs a caption and at least one attribute; reject it otherwise")
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Decided(
        sample.image, digest_of(sample), what, new_caption, kept, str(reviewer).strip(), str(note).strip(), at
    )


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add a line to the end of the file; what is in it is never changed.

    Args:
        path: the file; made when it is missing.
        record: a decision, or what else was found out in a page.

    Raises:
        DataError: it cannot be written.
    """
    try:
        with path.open("ab") as out:
            # A line that a crash cut short must not swallow this one.
            if out.tell() and not _ends_with_newline(path):
                out.write(b"\n")
            out.write(json_line(dict(record)).encode("ascii") + b"\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as fault:
        raise DataError(f"{path}: {fault.strerror or fault}", "choose another place with --output") from fault


def read(path: Path) -> list[Decided]:
    """All decisions in order.

    Args:
        path: the file; there need not be one yet.

    Raises:
        DataError: a line is damaged.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text("ascii").splitlines()
        return [_read(json.loads(line)) for line in lines if line.strip()]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise DataError(f"{path} is damaged: {fault}", "remove the damaged line; decisions are one a line") from fault


def applied(samples: Iterable[Sample], decisions: Iterable[Decided], *, only_reviewed: bool = False) -> Reviewed:
    """Samples with the last decision about each carried out.

    Args:
        samples: as they were reviewed.
        decisions: in the order in which they were made.
        only_reviewed: leave out what nobody decided about.
    """
    last = {decided.image: decided for decided in decisions}
    counts: Counter[str] = Counter()
    kept = []
    for sample in samples:
        decided = last.get(sample.image)
        valid = decided is not None and decided.of == digest_of(sample)
        counts[decided.decision.value if decided and valid else "changed since" if decided else "not reviewed"] += 1
        if decided is None or not valid:
            if not only_reviewed:
                kept.append(sample)
        elif decided.decision is Decision.EDIT:
            kept.append(replace(sample, caption=decided.caption, attributes=dict(decided.attributes)))
        elif decided.decision is Decision.ACCEPT:
            kept.append(sample)
    return Reviewed(tuple(kept), counts)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _read(row: dict[str, object]) -> Decided:
    attributes = row["attributes"]
    if not isinstance(attributes, dict) or not all(isinstance(text, str) for text in attributes.values()):
        raise TypeError("attributes are no texts")
    words = [str(row[name]) for name in ("image", "of", "caption", "reviewer", "note", "at")]
    image, of, caption, reviewer, note, at = words
    return Decided(image, of, Decision(str(row["decision"])), caption, attributes, reviewer, note, at)
