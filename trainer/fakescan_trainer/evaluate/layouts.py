"""Test sets on disk to labelled samples.

``folders``     ``real/`` and ``fake/`` (any of their usual names), each with files or a folder for each source
``generators``  a folder for each generator with ``0_real`` and ``1_fake`` (or ``nature`` and ``ai``) somewhere below
``mmfr``        the paper's layout: ``evaluation_sets/<set>/{0_real,1_fake}`` with ``<set>_reasoning.json``; or one such
                JSON file; or a list of LLaVA conversations
``csv``         a list with the columns ``path`` and ``label``, and any of ``group``, ``generator``, ``source``, ...
``manifest``    ``manifest.jsonl``: an object a line with ``path`` and ``label``; ``annotations.jsonl`` beside it
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from fakescan.errors import DataError
from fakescan.intake.identify import named_like_an_image
from fakescan_trainer.data.mmfr import read_records
from fakescan_trainer.evaluate.lists import csv_rows, json_lines, named, read_json
from fakescan_trainer.evaluate.samples import Sample, TestSet, folder_label, is_fake, refuse_empty

MANIFEST, ANNOTATIONS = "manifest.jsonl", "annotations.jsonl"
_GROUP_FIELDS = ("group", "source", "generator", "set")
_MOST_FAULTS = 10
_SETS = "evaluation_sets"
_REASONING = "_reasoning.json"


def read_test_set(place: Path, *, by: str | None = None, split: str | None = None, root: Path | None = None) -> TestSet:
    """Read a test set, whatever its layout.

    Args:
        place: a folder or a list.
        by: column of a list to give figures by; None for the first of ``group``, ``source`` and ``generator``.
        split: only rows whose ``split`` is this.
        root: the folder that paths of a list are relative to; the list's own folder when None.

    Raises:
        DataError: it cannot be read, or holds no labelled image; faults of a list are named, up to ten.
    """
    if not place.exists():
        raise DataError(f"there is no {ascii(str(place))[1:-1]}", "give a folder or a list of labelled images")
    if place.is_dir() and not (place / MANIFEST).is_file():
        _only_lists(by, split)
        return _read_folder(place)
    if place.is_dir():
        place = place / MANIFEST
    suffix = place.suffix.lower()
    if suffix == ".json":
        _only_lists(by, split)
        found = _read_mmfr_file(place, root)
    elif suffix in {".jsonl", ".csv", ".tsv"}:
        found = _read_list(place, by, split, root or place.parent, jsonl=suffix == ".jsonl")
    else:
        raise DataError(f"{named(place)} is none of .csv, .tsv, .json and .jsonl", "name the list by its format")
    refuse_empty(found.samples, str(place))
    if not any(sample.file.is_file() for sample in found.samples[:1000]):
        raise DataError(
            f"no image of {named(place)} is where the list says, as {ascii(found.samples[0].path)[1:-1]}",
            "name the folder that its paths are relative to with --root",
        )
    return found


def given_folders(real: Sequence[Path], fake: Sequence[Path]) -> TestSet:
    """A test set of folders whose labels are given by hand; the folder or the first folder below it is the group.

    Raises:
        DataError: a folder is missing or holds no image.
    """
    samples: list[Sample] = []
    for folders, label in ((real, False), (fake, True)):
        for folder in folders:
            if not folder.is_dir():
                raise DataError(f"{named(folder)} is no folder", "give folders to --real and --fake")
            files = list(_images(folder))
            if not files:
                raise DataError(f"{named(folder)} holds no image", "give folders to --real and --fake")
            for file in files:
                below = file.relative_to(folder).as_posix()
                first, _, rest = below.partition("/")
                group = first if rest else folder.name
                samples.append(Sample(f"{folder.name}/{below}", file, label, group))
    name = " + ".join(dict.fromkeys(folder.name for folder in (*real, *fake)))
    return TestSet(name, "given", _ordered(samples), "folder")


def fewer(found: TestSet, limit: int, seed: int) -> TestSet:
    """At most so many images of each label in each group, drawn by the seed.

    Args:
        found: the whole set.
        limit: from 1 on.
        seed: of the draw.
    """
    import numpy as np

    by_class: dict[tuple[str, bool], list[Sample]] = {}
    for sample in found.samples:
        by_class.setdefault((sample.group, sample.fake), []).append(sample)
    kept: list[Sample] = []
    for (group, fake), members in by_class.items():
        rng = np.random.default_rng([seed, int(fake), *group.encode("utf-8", "surrogateescape")])
        kept += [members[int(at)] for at in rng.permutation(len(members))[:limit]]
    note = f"a draw of at most {limit} images of each label in each group (seed {seed}), of {len(found.samples)} images"
    return replace(found, samples=_ordered(kept), notes=(*found.notes, note))


def joined_reference(attributes: Mapping[str, object]) -> str:
    """The authors' reference text: the attributes' texts in alphabetical order of their names, those without left out.

    Args:
        attributes: name to text or null.
    """
    return " ".join(str(attributes[name]) for name in sorted(attributes) if attributes[name] is not None)


def _read_folder(place: Path) -> TestSet:
    sets = place / _SETS
    base = sets if sets.is_dir() else place
    samples, unlabelled, others = [], 0, False
    for file in _images(base):
        below = PurePosixPath(file.relative_to(base).as_posix())
        parts = below.parts[:-1]
        labels = [folder_label(part) for part in parts]
        at = max((number for number, label in enumerate(labels) if label is not None), default=None)
        if at is None:
            unlabelled += 1
            continue
        # GENERATOR/.../0_real/x.png, or real/SOURCE/x.png
        others = others or at > 0
        group = parts[0] if at > 0 else (parts[1] if len(parts) > 1 else "")
        samples.append(Sample(below.as_posix(), file, bool(labels[at]), group))
    refuse_empty(samples, str(place))
    references = _references(base, place)
    layout = "mmfr" if sets.is_dir() or references else "generators" if others else "folders"
    notes = (f"{unlabelled} images below no folder that names a label were left out",) if unlabelled else ()
    samples = [replace(sample, reference=references.get(sample.path, "")) for sample in samples]
    name = place.resolve().name or str(place)
    return TestSet(name, layout, _ordered(samples), "generator" if others else "source", notes)


def _references(*folders: Path) -> dict[str, str]:
    """Texts of every ``*_reasoning.json`` in these folders or one below, by the image's path."""
    found: dict[str, str] = {}
    for folder in dict.fromkeys(folders):
        for file in sorted([*folder.glob(f"*{_REASONING}"), *folder.glob(f"*/*{_REASONING}")]):
            table = read_json(file)
            if isinstance(table, dict):
                found |= {key: joined_reference(_attributes(file, key, value)) for key, value in table.items()}
    return found


def _read_mmfr_file(place: Path, root: Path | None) -> TestSet:
    document = read_json(place)
    if isinstance(document, dict):
        base = next(
            (folder for folder in ([root] if root else [place.parent / _SETS, place.parent, place.parent.parent])
             if any((folder / key).is_file() for key in list(document)[:50])),
            root or place.parent,
        )  # fmt: skip
        samples, faults = [], []
        for key, attributes in document.items():
            labels = [label for part in PurePosixPath(key).parts[:-1] if (label := folder_label(part)) is not None]
            if not labels:
                faults.append(f"{key!a} names neither 0_real nor 1_fake")
                continue
            text = joined_reference(_attributes(place, key, attributes))
            samples.append(Sample(key, base / key, labels[-1], PurePosixPath(key).parts[0], reference=text))
        _refuse(place, faults)
        return TestSet(place.stem.removesuffix("_reasoning"), "mmfr", _ordered(samples), "set")
    records = read_records(place, root)
    base = root or place.parent
    samples = [
        Sample(r.image, base / r.image, r.label.value == "fake", r.source, reference=r.reasoning)
        for r in records
        if r.label is not None
    ]
    return TestSet(place.stem, "mmfr", _ordered(samples), "source")


def _read_list(place: Path, by: str | None, split: str | None, root: Path, *, jsonl: bool) -> TestSet:
    rows = json_lines(place) if jsonl else csv_rows(place)
    references = _annotations(place.parent / ANNOTATIONS) if jsonl else {}
    samples: list[Sample] = []
    faults: list[str] = []
    columns: set[str] = set()
    splits: set[str] = set()
    for number, row in rows:
        columns |= row.keys()
        splits.add(str(row.get("split", "")))
        if split is not None and str(row.get("split", "")) != split:
            continue
        try:
            path = str(row["path"])
            group = _group(row, by)
            text = str(row.get("reference") or "") or references.get(path, "")
            samples.append(
                Sample(
                    path, root / path, is_fake(row["label"]), group, str(row.get("matched") or ""),
                    str(row.get("sha256") or ""), text,
                )
            )  # fmt: skip
        except KeyError as missing:
            faults.append(f"line {number} has no {missing}")
        except ValueError as fault:
            faults.append(f"line {number}: {fault}")
    if by is not None and by not in columns:
        faults.insert(0, f"no column {by!a}; there are {', '.join(sorted(map(ascii, columns)))}")
    if split is not None and split not in splits:
        faults.insert(0, f"no row of the split {split!a}; there are {', '.join(sorted(map(ascii, splits)))}")
    _refuse(place, faults)
    name = f"{place.parent.resolve().name if jsonl and place.name == MANIFEST else place.stem}"
    chosen = by or next((name for name in _GROUP_FIELDS if name in columns), "")
    return TestSet(
        f"{name}, {split}" if split else name, "manifest" if jsonl else "csv", _ordered(samples), chosen
    )  # fmt: skip


def _group(row: Mapping[str, Any], by: str | None) -> str:
    if by is not None:
        value = row.get(by)
        return "" if value is None else str(value)
    return next((str(row[name]) for name in _GROUP_FIELDS if row.get(name)), "")


def _annotations(place: Path) -> dict[str, str]:
    if not place.is_file():
        return {}
    found = {}
    for _, row in json_lines(place):
        attributes = row.get("attributes")
        if isinstance(attributes, dict) and attributes:
            found[str(row.get("path"))] = joined_reference(attributes)
    return found


def _attributes(file: Path, key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"{named(file)}: {key!a} is no object of attributes", "give the authors' layout")
    return value


def _images(folder: Path) -> Iterator[Path]:
    """Files named like images below a folder, in a fixed order; hidden ones and links to folders are left out."""
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and named_like_an_image(name):
                yield Path(top) / name


def _ordered(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: sample.path))


def _only_lists(by: str | None, split: str | None) -> None:
    for flag, value in (("--by", by), ("--split", split)):
        if value is not None:
            raise DataError(f"{flag} names a column of a list, and this is none", f"leave {flag} out, or give a list")


def _refuse(place: Path, faults: Sequence[str]) -> None:
    if faults:
        more = f" and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        raise DataError(f"{named(place)}: " + "; ".join(faults[:_MOST_FAULTS]) + more, "mend the list")
