"""Annotations on the disk: JSON lines that are only added to, a row an image, so that a run can go on after a break."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan_trainer.data.interpretation import Interpretation, Outcome, parse_interpretation
from fakescan_trainer.data.prompts import CAPTION_PROMPT, PROMPTS_VERSION, interpretation_prompt
from fakescan_trainer.data.samples import Sample, json_line

_KEPT_CHARS = 2_000
"""Of an answer that could not be used, for whoever wants to know why."""


class Task(StrEnum):
    """What is asked about an image."""

    CAPTION = "caption"
    ATTRIBUTES = "attributes"


def prompt_of(task: Task, label: Label) -> str:
    """The question.

    Args:
        task: what is asked.
        label: the image's label.
    """
    return CAPTION_PROMPT if task is Task.CAPTION else interpretation_prompt(label)


@dataclass(slots=True)
class Annotation:
    """What is known of an image so far."""

    sample: Sample
    """The image; it has a label."""
    sha256: str
    """Digest of its bytes."""
    model: str
    """Who was asked."""
    caption: str = ""
    """What it shows."""
    read: Interpretation | None = None
    """The answer about its attributes, as far as there was one."""
    faults: list[str] = field(default_factory=list)
    """What went wrong, a line a task."""
    answer: str = ""
    """The last answer that could not be used."""
    input_tokens: int = 0
    """Tokens that the questions cost."""
    output_tokens: int = 0
    """Tokens that the answers cost."""

    @property
    def label(self) -> Label:
        """REAL or FAKE."""
        return self.sample.label or Label.INCONCLUSIVE

    @property
    def open_tasks(self) -> list[Task]:
        """What is still to be asked."""
        return [Task.CAPTION] * (not self.caption) + [Task.ATTRIBUTES] * (self.read is None)

    @property
    def status(self) -> str:
        """``ok``; or the outcome of its interpretation; or ``error`` while something is open."""
        if self.open_tasks:
            return "error" if self.read is None or self.read.outcome is Outcome.OK else self.read.outcome.value
        return self.read.outcome.value if self.read else "error"

    def take(self, task: Task, content: str | None, why: str = "") -> None:
        """Take an answer into account.

        Args:
            task: what was asked.
            content: the answer's text.
            why: why there is none, as far as the endpoint says.
        """
        text = (content or "").strip()
        if task is Task.CAPTION:
            self.caption = "" if why else " ".join(text.split())
            if not self.caption:
                self.fail(task, why or "an empty answer", text)
            return
        self.read = parse_interpretation(text, self.label)
        if self.read.outcome is Outcome.INVALID:
            told = why or self.read.why
            self.read = None
            self.fail(task, told, text)

    def fail(self, task: Task, why: str, answer: str = "") -> None:
        """Note that a task got no usable answer.

        Args:
            task: what was asked.
            why: why not.
            answer: what came instead.
        """
        self.faults.append(f"{task.value}: {why}")
        self.answer = answer[:_KEPT_CHARS] or self.answer

    def row(self) -> dict[str, Any]:
        """As the file holds it."""
        row: dict[str, Any] = {"image": self.sample.image, "sha256": self.sha256, "label": self.label.value}
        row |= {key: value for key in ("source", "generator", "split") if (value := getattr(self.sample, key))}
        row |= {"status": self.status, "caption": self.caption}
        if self.read and self.read.outcome is Outcome.OK:
            row |= {"attributes": dict(self.read.attributes)}
            if self.read.dropped:
                row["dropped_attributes"] = list(self.read.dropped)
        if self.faults or (self.read and self.read.why):
            row["why"] = "; ".join([*self.faults, *([self.read.why] if self.read and self.read.why else [])])
        if self.answer:
            row["answer"] = self.answer
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        usage = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
        return row | {"model": self.model, "prompts": PROMPTS_VERSION, "usage": usage, "at": at}


def begun(samples: Sequence[Sample], digests: Mapping[str, str], model: str, path: Path) -> list[Annotation]:
    """An annotation of every sample, with what a former run found out about the same bytes, label, model and prompts.

    Args:
        samples: labelled images.
        digests: image to digest of its bytes; images without one are left out.
        model: who is asked.
        path: the file of annotations; there need not be one yet.

    Raises:
        DataError: the file cannot be read, or is no file of annotations.
    """
    known = {(row["image"], row["sha256"], row["label"]): row for row in _rows(path) if _fits(row, model)}
    made = []
    for sample in samples:
        if sample.label is None or sample.image not in digests:
            continue
        annotation = Annotation(sample, digests[sample.image], model)
        row = known.get((sample.image, annotation.sha256, annotation.label.value))
        if row is not None:
            annotation.caption = str(row.get("caption") or "")
            if row["status"] in (Outcome.UNDETERMINED, Outcome.CONTRADICTS):
                annotation.read = Interpretation(Outcome(row["status"]), {})
            elif isinstance(row.get("attributes"), dict):
                annotation.read = Interpretation(Outcome.OK, row["attributes"])
        made.append(annotation)
    return made


class AnnotationFile:
    """The file while it is written to: every row is on the disk before the next is asked for."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Args:
            path: the file; made when it is missing.

        Raises:
            DataError: it cannot be written.
        """
        self._path = path
        self._file: BinaryIO
        try:
            half = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
            self._file = path.open("ab")
            if half:  # a line that a crash cut short must not swallow the next one
                self._file.write(b"\n")
        except OSError as fault:
            raise DataError(f"cannot write {path}: {fault.strerror or fault}", "choose another --output") from fault

    def add(self, annotation: Annotation) -> None:
        """Write a row.

        Args:
            annotation: what is known of an image.

        Raises:
            DataError: it cannot be written.
        """
        try:
            self._file.write(json_line(annotation.row()).encode("ascii") + b"\n")
            self._file.flush()
        except OSError as fault:
            raise DataError(f"cannot write {self._path}: {fault.strerror or fault}", "free some space") from fault

    def __enter__(self) -> AnnotationFile:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._file.close()


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    rows = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as fault:
        raise DataError(f"cannot read {path}: {fault}", "give another --output") from fault
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # cut short by a crash; its image is asked about again
        if not isinstance(row, dict) or not {"image", "sha256", "label", "status"} <= set(row):
            raise DataError(f"line {number} of {path} is no annotation", "give another --output")
        rows.append(row)
    return rows


def _fits(row: Mapping[str, Any], model: str) -> bool:
    return row.get("model") == model and row.get("prompts") == PROMPTS_VERSION
