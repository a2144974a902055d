"""What a set of labelled images consists of, whatever it is listed in.

Four forms are read:

a folder             images below folders named real/fake or 0_real/1_fake; the other folders name the source
``*.jsonl``          a row an image: ``image`` (or ``path``), ``label``, and as far as known ``source``, ``generator``,
                     ``split``, ``caption``, ``attributes``; what ``fakescan data annotate`` writes is such a list
``*.json``, a list   compiled conversations (``mmfr.py``), or rows as above
``*.json``, an object  the authors' ``*_reasoning.json``: path to five attribute names, each with a text or null

What does not fit is collected as faults: a list is judged as a whole, not up to its first mistake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakescan.core.answer import unknown_attributes
from fakescan.core.attributes import attributes_of
from fakescan.core.records import Label, Skipped
from fakescan.errors import DataError
from fakescan.intake.discover import discover
from fakescan_trainer.data.mmfr import parse_record
from fakescan_trainer.data.places import placed, relative_path

_KEPT_STATUS = "ok"
_FORMS = "give a folder, a .jsonl list or a .json list"


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image."""

    image: str
    """Path relative to the root, POSIX."""
    label: Label | None
    """REAL or FAKE; None for a caption without a label."""
    source: str = ""
    """Where the image came from: the unit of hold-out."""
    generator: str = ""
    """What made a fake one, where that is known; else the same as the source."""
    split: str = ""
    """Name of the part of the set that it belongs to, empty where none is named."""
    caption: str = ""
    """What it shows; empty when nobody said."""
    attributes: Mapping[str, str] | None = None
    """Attribute name to description; None when nobody looked, empty when nothing was seen."""
    reasoning: str = ""
    """REASONING of a compiled record, without its closing "Therefore, ..."."""
    row: Mapping[str, Any] = field(default_factory=dict)
    """The row as it stood in the list."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that does not fit."""

    place: str
    """Which row or file."""
    image: str
    """The image that it names, as far as it does."""
    text: str
    """What is wrong."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that was read."""

    name: str
    """Its file's or folder's name without suffix: the split's name where rows say none."""
    root: Path
    """Folder that image paths are relative to."""
    samples: tuple[Sample, ...]
    """What fits, in the list's order."""
    faults: tuple[Fault, ...]
    """What does not."""
    conversations: bool = False
    """Whether it holds compiled conversations."""

    def sound(self) -> Listing:
        """The same.

        Raises:
            DataError: when there are faults; up to ten are named.
        """
        if self.faults:
            told = "; ".join(f"{fault.place}: {fault.text}" for fault in self.faults[:10])
            more = f" and {len(self.faults) - 10} more" if len(self.faults) > 10 else ""
            raise DataError(f"{self.name}: {told}{more}", "fakescan data validate lists everything; mend these rows")
        return self


def read_samples(path: Path, root: Path | None = None) -> Listing:
    """Read a list or walk a folder.

    Args:
        path: one of the four forms.
        root: folder that image paths are relative to; the folder itself, or the list's own folder, when None.

    Raises:
        DataError: it cannot be read, or is none of the four forms.
    """
    if path.is_dir():
        return _folder(path, root or path)
    if not path.exists():
        raise DataError(f"there is no {path}", _FORMS)
    base = root or path.parent
    if path.suffix.lower() == ".jsonl":
        rows, faults = _json_lines(path)
        return _rows(path, base, rows, faults)
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise DataError(f"{path}: {_reason(fault)}", _FORMS) from fault
    if isinstance(document, dict):
        return _rows(path, base, [(f"key {key!r}", _of_reasoning(key, item)) for key, item in document.items()], [])
    if not isinstance(document, list):
        raise DataError(f"{path}: neither a list nor an object", _FORMS)
    return _rows(path, base, [(f"record {number}", row) for number, row in enumerate(document)], [])


def read_all(paths: Iterable[Path], root: Path | None = None) -> list[Listing]:
    """Several lists over the same root, each with its faults.

    Args:
        paths: lists or folders.
        root: folder that image paths are relative to; that of the first one when None.

    Raises:
        DataError: a list cannot be read, their roots differ, or there is nothing in any of them.
    """
    listings = [read_samples(path, root) for path in paths]
    if len({listing.root.resolve() for listing in listings}) != 1:
        raise DataError("the lists lie in different folders", "say with --root what their image paths are relative to")
    if not any(listing.samples or listing.faults for listing in listings):
        raise DataError("there is no image in what was given", "check the paths, and the names of the folders")
    return listings


def read_sound(paths: Iterable[Path], root: Path | None = None) -> Listing:
    """Several lists as one.

    Args:
        paths: lists or folders over the same root.
        root: folder that image paths are relative to; that of the first one when None.

    Raises:
        DataError: a list has faults, or an image is in two of them.
    """
    listings = [listing.sound() for listing in read_all(paths, root)]
    samples = tuple(sample for listing in listings for sample in listing.samples)
    seen: set[str] = set()
    for sample in samples:
        if sample.image in seen:
            raise DataError(f"{sample.image} is listed twice", "take it out of one list")
        seen.add(sample.image)
    return Listing(listings[0].name, listings[0].root, samples, (), all(listing.conversations for listing in listings))


def json_line(row: Mapping[str, Any]) -> str:
    """A row as a line; what is no valid Unicode is escaped.

    Args:
        row: what the line holds.
    """
    return json.dumps(row, ensure_ascii=True, allow_nan=False)


def _folder(path: Path, root: Path) -> Listing:
    samples, faults = [], []
    for found in discover([path], root=root):
        if isinstance(found, Skipped):
            continue
        label, source, split = placed(found.path)
        if label is None:
            faults.append(Fault(found.path, found.path, "no folder above it is named real, fake, 0_real or 1_fake"))
        else:
            samples.append(Sample(found.path, label, source, source if label is Label.FAKE else "", split))
    return Listing(path.resolve().name, root, tuple(samples), tuple(faults))


def _json_lines(path: Path) -> tuple[list[tuple[str, Any]], list[Fault]]:
    rows, faults = [], []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as fault:
        raise DataError(f"{path}: {_reason(fault)}", "give a list of JSON lines in UTF-8") from fault
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append((f"line {number}", json.loads(line)))
        except (ValueError, RecursionError) as fault:
            faults.append(Fault(f"line {number}", "", f"no JSON: {fault}"))
    return rows, faults


def _rows(path: Path, root: Path, rows: Iterable[tuple[str, Any]], faults: list[Fault]) -> Listing:
    samples: dict[str, Sample] = {}
    compiled = 0
    for place, row in rows:
        try:
            sample = _sample(row)
        except (ValueError, KeyError, TypeError, IndexError) as fault:
            image = row.get("image") or row.get("path") if isinstance(row, dict) else ""
            text = f"no {fault}" if isinstance(fault, KeyError) else str(fault)
            faults.append(Fault(place, image if isinstance(image, str) else "", text))
            continue
        compiled += "conversations" in row
        # An annotation that was tried again stands twice in the file that only grows: what worked counts.
        if sample.image in samples and "status" not in row:
            faults.append(Fault(place, sample.image, "this image is listed twice"))
        elif row.get("status") == _KEPT_STATUS or samples.get(sample.image, sample).row.get("status") != _KEPT_STATUS:
            samples[sample.image] = sample
    return Listing(path.stem, root, tuple(samples.values()), tuple(faults), bool(samples) and compiled == len(samples))


def _sample(row: Any) -> Sample:
    if not isinstance(row, dict):
        raise TypeError("no object")
    if "conversations" in row:
        record = parse_record(row)
        attributes = None if row.get("attributes") is None else _texts(row["attributes"])
        _, _, split = placed(relative_path(record.image))
        return Sample(
            record.image, record.label, record.source, str(row.get("generator") or ""), str(row.get("split") or split),
            record.caption, attributes, record.reasoning, row,
        )  # fmt: skip
    image = relative_path(row.get("image", row.get("path")))
    found, source, split = placed(image)
    label = _label(row["label"]) if row.get("label") is not None else found
    if label is None:
        raise ValueError("no label, neither in the row nor as a folder real, fake, 0_real or 1_fake")
    source = str(row.get("source") or source)
    generator = str(row.get("generator") or (source if label is Label.FAKE else ""))
    caption = row.get("caption") or ""
    if not isinstance(caption, str):
        raise TypeError("the caption is no text")
    attributes = None
    if isinstance(row.get("attributes"), dict) and row.get("status", _KEPT_STATUS) == _KEPT_STATUS:
        attributes = _texts(row["attributes"])
        if unknown := sorted(set(row["attributes"]) - set(attributes_of(label.value))):
            raise ValueError(unknown_attributes(unknown, label))
    elif row.get("attributes") is not None and not isinstance(row["attributes"], dict):
        raise TypeError("attributes must be an object of names to texts")
    return Sample(image, label, source, generator, str(row.get("split") or split), caption, attributes, "", row)


def _reason(fault: Exception) -> str:
    """Why a file could not be read, without the system's number and the name that stands before it."""
    return getattr(fault, "strerror", None) or str(fault)


def _label(value: object) -> Label:
    """``"fake"`` and ``"real"``, or 1 and 0 (label 1 = fake)."""
    if value in ("fake", "real"):
        return Label(value)
    if not isinstance(value, bool) and value in (0, 1):
        return Label.FAKE if value else Label.REAL
    raise ValueError(f"label {value!r} is neither fake nor real")


def _texts(attributes: Mapping[str, object]) -> dict[str, str]:
    if any(text is not None and not isinstance(text, str) for text in attributes.values()):
        raise TypeError("a description of an attribute is no text")
    return {name: text.strip() for name, text in attributes.items() if isinstance(text, str) and text.strip()}


def _of_reasoning(key: str, item: object) -> Any:
    """A row of the authors' ``*_reasoning.json``."""
    return {"image": key, "attributes": item} if isinstance(item, dict) else item


def texts_of(samples: Iterable[Sample]) -> Iterator[str]:
    """Every text that an annotator wrote, in order.

    Args:
        samples: whose.
    """
    for sample in samples:
        yield from (text for text in (sample.caption, sample.reasoning, *(sample.attributes or {}).values()) if text)


def label_name(label: Label | None) -> str:
    """The label as people read it.

    Args:
        label: REAL, FAKE or None.
    """
    return "no label" if label is None else "AI-generated" if label is Label.FAKE else "real"
