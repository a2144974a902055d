r"""Records in the MMFR layout: ``forgery_reasoning_cot.json``, LLaVA conversations over images below one root.

A record is ``{"image": path relative to the root, "conversations": [{"from": "human", "value": "<image>\\n..."},
{"from": "gpt", "value": answer}]}``. Three forms of answers are known:

four stages          caption, reasoning and conclusion (the paper's)
the conclusion only  an image with a label and no annotation (the paper's "w/o Reasoning", Table 4)
a plain caption      for the alignment of the projector; no label

Optional keys beside the authors' two: ``source`` (unit of weighting and of hold-out), and ``attributes`` (name to text
or null, as in the authors' ``*_reasoning.json``), whose names must be those of the label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakescan.core.answer import concluded, parse_answer, unknown_attributes
from fakescan.core.attributes import attributes_of
from fakescan.core.records import Label, Stage
from fakescan.errors import DataError

LEAK = re.compile(r"\s*Therefore,? this image is (real|fake)\.?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """One training sample."""

    image: str
    """Path relative to the data's root, POSIX."""
    label: Label | None
    """REAL or FAKE; None for a caption without a label."""
    caption: str
    """CAPTION stage, or the plain caption; empty when there is none."""
    reasoning: str
    """REASONING stage without its closing "Therefore, ..."; empty when there is none."""
    source: str
    """Where the image came from."""
    shown_as: str = ""
    """Image whose out-of-fold logit is shown in place of its own; empty = its own."""


def read_records(path: Path, root: Path | None = None) -> list[Record]:
    """Read and check one annotation file.

    Args:
        path: the JSON file.
        root: folder that image paths are relative to; the file's own folder by default.

    Raises:
        DataError: the file cannot be read, or records are malformed or name missing images; up to ten are listed.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: {reason}", "the file must be a JSON list in the MMFR layout") from error
    if not isinstance(rows, list):
        raise DataError(f"{path}: not a list of records", "the file must be a JSON list in the MMFR layout")
    base = root or path.parent
    records, faults = [], []
    for number, row in enumerate(rows):
        try:
            record = parse_record(row)
            if not (base / record.image).is_file():
                raise ValueError(f"no image at {record.image}")
            records.append(record)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            faults.append(f"record {number}: {error}")
    if faults:
        more = f" and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise DataError(f"{path}: " + "; ".join(faults[:10]) + more, "mend or remove these records")
    return records


def parse_record(row: dict[str, Any]) -> Record:
    """One record.

    Args:
        row: as it stands in the file.

    Raises:
        ValueError: what is wrong with it; KeyError, TypeError and IndexError where its shape is.
    """
    turns: Sequence[dict[str, str]] = row["conversations"]
    if [turn["from"] for turn in turns] != ["human", "gpt"]:
        raise ValueError("conversations must be one human and one gpt turn")
    if "<image>" not in turns[0]["value"]:
        raise ValueError("the human turn has no <image>")
    answer, image = turns[1]["value"], str(row["image"])
    if Path(image).is_absolute() or ".." in Path(image).parts:
        raise ValueError(f"image path {image!r} leaves the root")
    stages = {stage.stage: stage for stage in parse_answer(answer)}
    source = str(row.get("source") or Path(image).parent.as_posix())
    if not any(stage.complete for stage in stages.values()):
        if not answer.strip():
            raise ValueError("an empty answer")
        return Record(image, None, answer.strip(), "", source)
    label = concluded(stages[Stage.CONCLUSION].text)
    if label is None:
        raise ValueError("the conclusion says neither real nor fake")
    said = LEAK.search(stages[Stage.REASONING].text)
    if said and said[1].lower() != label.value:
        raise ValueError(f"REASONING ends with {said[1]!r} and the conclusion says {label.value!r}")
    attributes = row.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise ValueError("attributes must be an object of names to texts")
    if unknown := sorted(set(attributes) - set(attributes_of(label.value))):
        raise ValueError(unknown_attributes(unknown, label))
    caption, reasoning = stages[Stage.CAPTION], LEAK.sub("", stages[Stage.REASONING].text)
    if bool(caption.complete) != bool(stages[Stage.REASONING].complete):
        raise ValueError("CAPTION and REASONING must both be there, or neither")
    return Record(image, label, caption.text, reasoning, source)
