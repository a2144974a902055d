"""The authors' MMFR tree, brought into one list that every other command reads.

::

    diffusiondb/part-*/*.png   laion/*/*.jpg          training images, with <name>_reasoning.json each
    evaluation_sets/<set>/{0_real,1_fake}/            with <set>_reasoning.json each
    forgery_reasoning_cot.json                        the compiled conversations

How keys of the training files are written is not known (the data set is not public everywhere), so a key is looked for
below the root, beside its file, and below ``evaluation_sets``.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fakescan.core.attributes import FAKE_ATTRIBUTES, REAL_ATTRIBUTES, attributes_of
from fakescan.core.records import Label, Skipped
from fakescan.errors import DataError
from fakescan.intake.discover import discover
from fakescan_trainer.data.archive import archives_in, copy_plain_files, unpack
from fakescan_trainer.data.places import placed, relative_path
from fakescan_trainer.data.samples import json_line, read_samples

LIST = "samples.jsonl"
"""Name of the list that is written at the root."""
COMPILED = "forgery_reasoning_cot.json"
_EVALUATION = "evaluation_sets"
_KNOWN = {"diffusiondb": Label.FAKE, "laion": Label.REAL}
"""Training folders whose name says the label."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a tree holds."""

    root: Path
    """Where it lies."""
    images: int
    """Images in the list."""
    unlisted: int
    """Images on the disk that no file says anything about."""
    faults: tuple[str, ...]
    """Rows that name no image, or do not fit."""
    dropped_attributes: Mapping[str, int]
    """Attribute names that are none of the ten, and how often they were left out."""


def import_tree(source: Path, out: Path | None = None, told: Callable[[str], None] | None = None) -> Imported:
    """Unpack what is packed, then write the list.

    Args:
        source: the tree, or the folder with its archives.
        out: where it is unpacked to; needed when there are archives. Must not exist or be empty.
        told: called with the name of each file that is unpacked.

    Raises:
        DataError: archives are damaged or hostile, or there is nothing that looks like MMFR.
    """
    if not source.is_dir():
        raise DataError(f"{source} is no folder", "give the folder with the archives, or the unpacked tree")
    archives = archives_in(source)
    if archives and out is None:
        raise DataError(f"{source} holds {len(archives)} archives", "say with --out where to unpack them")
    if not archives:
        _lists_of(source)  # before a large folder that is something else is copied
    return _listed(source) if out is None else _filled(source, out, archives, told)


def _filled(
    source: Path, out: Path, archives: Mapping[Path, list[Path]], told: Callable[[str], None] | None
) -> Imported:
    """Unpack and list beside the place, then rename: a tree that is there is whole, and a failure leaves nothing."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already and not empty", "choose another place")
    partial = out.with_name(out.name + ".partial")
    if partial.exists():
        raise DataError(f"{partial} is left from an import that was cut short", "remove it")
    made = [folder for folder in partial.parents if not folder.exists()]
    try:
        partial.mkdir(parents=True)
        for whole, parts in archives.items():
            unpack(parts, partial / whole.parent.relative_to(source), told)
        copy_plain_files(source, partial, [part for parts in archives.values() for part in parts])
        found = replace(_listed(partial), root=out)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except BaseException as fault:
        shutil.rmtree(partial, ignore_errors=True)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(fault, OSError):
            raise DataError(f"cannot write {out}: {fault.strerror or fault}", "choose another place") from fault
        if isinstance(fault, DataError):
            # The copy is gone: what the user can mend lies where it came from.
            raise DataError(fault.message.replace(str(partial), str(source)), fault.hint) from fault
        raise
    return found


def _lists_of(root: Path) -> list[Path]:
    """The ``*_reasoning.json`` of a tree, which may have none where it has the compiled conversations.

    Raises:
        DataError: it has neither.
    """
    files = [path for path in sorted(root.rglob("*_reasoning.json")) if not path.is_symlink()]
    if not files and not (root / COMPILED).is_file():
        raise DataError(f"{root} holds neither {COMPILED} nor a *_reasoning.json", "give the root of the MMFR tree")
    return files


def _listed(root: Path) -> Imported:
    rows: dict[str, dict[str, Any]] = {}
    faults: list[str] = []
    dropped: Counter[str] = Counter()
    files = _lists_of(root)
    compiled = root / COMPILED
    if compiled.is_file():
        listing = read_samples(compiled, root)
        faults += [f"{COMPILED}, {fault.place}: {fault.text}" for fault in listing.faults]
        for sample in listing.samples:
            if not (root / sample.image).is_file():
                faults.append(f"{COMPILED}: no image at {sample.image}")
            elif sample.label:
                rows[sample.image] = _row(sample.image, sample.label, "train") | {"caption": sample.caption}
    for path in files:
        _add_reasoning(path, root, rows, faults, dropped)
    images = {item.path for item in discover([root], root=root) if not isinstance(item, Skipped)}
    text = "".join(json_line(rows[image]) + "\n" for image in sorted(rows))
    (root / LIST).write_text(text, "ascii", newline="\n")
    return Imported(root, len(rows), len(images - set(rows)), tuple(faults), dropped)


def _add_reasoning(
    path: Path, root: Path, rows: dict[str, dict[str, Any]], faults: list[str], dropped: Counter[str]
) -> None:
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document, dict):
            raise ValueError("no object of paths")
    except (OSError, ValueError, RecursionError) as fault:
        faults.append(f"{path.name}: {fault}")
        return
    for key, attributes in document.items():
        try:
            image = _found(key, path, root)
            label = _label(image, attributes)
        except (ValueError, TypeError) as fault:
            faults.append(f"{path.name}: {fault}")
            continue
        dropped.update(sorted(set(attributes) - set(attributes_of(label.value))))
        texts = {name: attributes[name] for name in attributes_of(label.value) if attributes.get(name)}
        split = "test" if image.split("/")[0] == _EVALUATION else "train"
        row = rows.setdefault(image, _row(image, label, split))
        if row["label"] != label.value:
            faults.append(f"{path.name}: {image} is {label.value} here and {row['label']} in {COMPILED}")
            continue
        row["attributes"] = texts


def _found(key: str, path: Path, root: Path) -> str:
    relative_path(key)
    for base in (root, path.parent, root / _EVALUATION):
        if (base / key).is_file():
            return (base / key).relative_to(root).as_posix()
    raise ValueError(f"no image at {key!r}")


def _label(image: str, attributes: object) -> Label:
    if not isinstance(attributes, dict) or any(not isinstance(text, str | None) for text in attributes.values()):
        raise TypeError(f"{image}: attributes are no object of texts")
    label = placed(image)[0] or _KNOWN.get(image.split("/")[0])
    if label is None:
        sides = {Label.FAKE if name in FAKE_ATTRIBUTES else Label.REAL for name in attributes
                 if name in FAKE_ATTRIBUTES or name in REAL_ATTRIBUTES}  # fmt: skip
        if len(sides) != 1:
            raise ValueError(f"{image}: neither its folders nor its attributes say whether it is real or fake")
        label = sides.pop()
    return label


def _row(image: str, label: Label, split: str) -> dict[str, Any]:
    """Source is the training folder, or the evaluation set: its real and its fake images belong together."""
    folders = image.split("/")
    source = folders[1] if folders[0] == _EVALUATION and len(folders) > 2 else folders[0]
    row: dict[str, Any] = {"image": image, "label": label.value, "source": source, "split": split}
    return row | {"generator": source} if label is Label.FAKE else row
