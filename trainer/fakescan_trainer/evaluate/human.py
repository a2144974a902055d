"""Human evaluation of reasoning texts (paper Sec. 5.4 and A.2): people mark each sentence from 1 to 5.

Marks are JSON lines in a file that only grows; the last mark of a rater for a text counts. A mark is about the very
text that was read, which its ``of`` names.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fakescan.checks.claims import sentences_of
from fakescan.core.records import Failure
from fakescan.errors import DataError
from fakescan_trainer.data.decisions import append
from fakescan_trainer.data.facts import Reencoder
from fakescan_trainer.evaluate.agreement import ordinal_alpha
from fakescan_trainer.evaluate.samples import Answer

MARKS = (1, 2, 3, 4, 5)
"""1 = highly irrational, 5 = highly rational."""
_MOST_NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """One line."""

    image: str
    """Path in the test set."""
    of: str
    """``digest_of`` the text."""
    marks: tuple[int, ...]
    """A mark for each sentence."""
    rater: str
    """Who marked."""
    at: str
    """When, UTC."""


def digest_of(image: str, text: str) -> str:
    """What a mark is about.

    Args:
        image: path in the test set.
        text: the reasoning.
    """
    return hashlib.sha256(json.dumps([image, text]).encode()).hexdigest()


def drawn(answers: Sequence[Answer], per_set: int, seed: int) -> list[Answer]:
    """At most so many answers with a reasoning of each group, in an order that mixes the groups.

    Args:
        answers: of a test set.
        per_set: from 1 on (the paper: 100).
        seed: another one draws others.

    Raises:
        DataError: no answer has a reasoning.
    """
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.stages.get("reasoning"):
            groups.setdefault(answer.sample.group, []).append(answer)
    if not groups:
        raise DataError("no answer has a reasoning to mark", "scan the test set with --reasoning all")
    kept: list[Answer] = []
    for name, members in sorted(groups.items()):
        rng = np.random.default_rng([seed, *name.encode("utf-8", "surrogateescape")])
        kept += [members[int(at)] for at in rng.permutation(len(members))[:per_set]]
    return [kept[int(at)] for at in np.random.default_rng(seed).permutation(len(kept))]


class RatingDesk:
    """Texts, and what one rater said of them. It shows neither label nor verdict, nor what others said."""

    def __init__(self, answers: Sequence[Answer], marks: Path, rater: str, pictures: Reencoder) -> None:
        """Read what this rater marked before.

        Args:
            answers: those to mark, in the order in which they are shown.
            marks: the file that marks are added to.
            rater: who marks.
            pictures: makes the copies that are shown, of paths of the test set.

        Raises:
            DataError: the file of marks is damaged, or nobody is named.
        """
        self.rater = " ".join(rater.split())[:_MOST_NAME_CHARS]
        if not self.rater:
            raise DataError("nobody marks", "give your name with --rater")
        self.answers, self._path, self._pictures = list(answers), marks, pictures
        self._lock = threading.Lock()
        self._sentences = [sentences_of(answer.stages["reasoning"]) for answer in self.answers]
        self._digests = [digest_of(answer.sample.path, answer.stages["reasoning"]) for answer in self.answers]
        own = {mark.of: mark for mark in read_marks(marks) if mark.rater == self.rater}
        self._done = {at: own[digest] for at, digest in enumerate(self._digests) if digest in own}

    def shown(self, at: int) -> dict[str, Any]:
        """What the page shows of a text.

        Args:
            at: its place.

        Raises:
            IndexError: there is no such place.
        """
        if not 0 <= at < len(self.answers):
            raise IndexError(at)
        mark = self._done.get(at)
        return {
            "at": at, "total": len(self.answers), "done": len(self._done), "of": self._digests[at], "rater": self.rater,
            "sentences": self._sentences[at], "marks": list(mark.marks) if mark else [],
        }  # fmt: skip

    def next_open(self, after: int) -> int | None:
        """Place of the next text that this rater has not marked, going around; None when all are.

        Args:
            after: place to begin after.
        """
        total = len(self.answers)
        places = ((after + step) % total for step in range(1, total + 1))
        return next((at for at in places if at not in self._done), None)

    def decide(self, body: Mapping[str, Any]) -> int | None:
        """Take marks as the page sends them.

        Args:
            body: its JSON.

        Returns:
            Place of the next text to mark.

        Raises:
            ValueError: they do not fit their text.
            DataError: they could not be written.
        """
        at, marks = body.get("at"), body.get("marks")
        if not isinstance(at, int) or not 0 <= at < len(self.answers) or body.get("of") != self._digests[at]:
            raise ValueError("this text is not what was read")
        if not isinstance(marks, list) or len(marks) != len(self._sentences[at]):
            raise ValueError("each sentence needs a mark")
        if not all(isinstance(mark, int) and not isinstance(mark, bool) and mark in MARKS for mark in marks):
            raise ValueError("a mark is a number from 1 to 5")
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        mark = Mark(self.answers[at].sample.path, self._digests[at], tuple(marks), self.rater, now)
        with self._lock:
            append(self._path, asdict(mark))
            self._done[at] = mark
        return self.next_open(at)

    def picture(self, at: int) -> bytes | None:
        """JPEG of an image, or None where it cannot be shown.

        Args:
            at: place of its text.

        Raises:
            IndexError: there is no such place.
        """
        if not 0 <= at < len(self.answers):
            raise IndexError(at)
        copy = self._pictures.jpeg(str(self.answers[at].sample.file))
        return None if isinstance(copy, Failure) else copy

    def counts(self) -> dict[str, int]:
        """How many texts this rater has marked, and how many are open."""
        return {"marked": len(self._done), "open": len(self.answers) - len(self._done)}


def read_marks(path: Path) -> list[Mark]:
    """All marks in order.

    Args:
        path: the file; there need not be one yet.

    Raises:
        DataError: a line is damaged.
    """
    if not path.exists():
        return []
    found = []
    try:
        for line in path.read_text("ascii").splitlines():
            if line.strip():
                row = json.loads(line)
                marks = tuple(row["marks"])
                if not marks or any(type(mark) is not int or mark not in MARKS for mark in marks):
                    raise ValueError("a mark is a number from 1 to 5")
                found.append(Mark(str(row["image"]), str(row["of"]), marks, str(row["rater"]), str(row["at"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise DataError(f"{path} is damaged: {fault}", "remove the damaged line; marks are one text a line") from fault
    return found


def figures(marks: Sequence[Mark], groups: Mapping[str, str]) -> dict[str, Any]:
    """Means by set and rater, and how far raters agree.

    Args:
        marks: of any number of raters; the last one of a rater for a text counts.
        groups: the test set's group by path; marks of other images are left out and counted.

    Returns:
        ``mean`` over sentences (each sentence's marks averaged first), ``groups``, ``raters``, ``alpha``.

    Raises:
        DataError: no mark is about an image of the test set.
    """
    last = {(mark.of, mark.rater): mark for mark in marks if mark.image in groups}
    if not last:
        raise DataError("no mark is about an image of the test set", "give the marks of this test set")
    sentences: dict[tuple[str, int], dict[str, int]] = {}
    where: dict[str, str] = {}
    for mark in last.values():
        where[mark.of] = groups[mark.image]
        for number, value in enumerate(mark.marks):
            sentences.setdefault((mark.of, number), {})[mark.rater] = value
    means = {key: float(np.mean(list(given.values()))) for key, given in sentences.items()}
    by_group: dict[str, list[float]] = {}
    for (text, _), mean in means.items():
        by_group.setdefault(where[text], []).append(mean)
    by_rater: dict[str, list[int]] = {}
    for given in sentences.values():
        for rater, value in given.items():
            by_rater.setdefault(rater, []).append(value)
    return {
        "images": len(where), "sentences": len(sentences), "mean": float(np.mean(list(means.values()))),
        "groups": {name: {"sentences": len(v), "mean": float(np.mean(v))} for name, v in sorted(by_group.items())},
        "raters": {name: {"sentences": len(v), "mean": float(np.mean(v))} for name, v in sorted(by_rater.items())},
        "by_several": sum(len(given) > 1 for given in sentences.values()),
        "alpha": ordinal_alpha(list(sentences.values()), MARKS),
        "left_out": sum(mark.image not in groups for mark in marks),
    }  # fmt: skip
