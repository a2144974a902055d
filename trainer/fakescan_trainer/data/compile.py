"""From attributes and a caption to the four-stage chain of thought (paper Sec. 3.2, Figure 8), in the MMFR layout."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fakescan.core.answer import (
    LONG_CONCLUSION,
    SHORT_CONCLUSION,
    full_answer,
    parse_answer,
    reasoning_text,
    short_answer,
)
from fakescan.core.attributes import attributes_of
from fakescan.core.records import Label, Stage
from fakescan.model.prompt import CAPTION_QUESTION, QUESTION
from fakescan_trainer.data.samples import Sample


class Start(StrEnum):
    """How the conclusion begins."""

    LONG = "long"
    """``Based on the analysis above, this image is``, as in the paper's figures."""
    SHORT = "short"
    """``This image is``, as the authors' released code wants it."""


STARTS = {Start.LONG: LONG_CONCLUSION, Start.SHORT: SHORT_CONCLUSION}


class Unannotated(StrEnum):
    """What becomes of an image that has no caption or no attributes."""

    DROP = "drop"
    """It is left out."""
    SHORT = "short"
    """It gets an answer of the conclusion alone (the paper's "w/o Reasoning")."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Records, and what became of the rest."""

    records: tuple[dict[str, Any], ...]
    """Conversations in the form that ``mmfr.py`` reads."""
    counts: Mapping[str, int]
    """Images by what became of them: ``full``, ``short``, ``dropped``, ``unusable``."""
    unusable: tuple[tuple[str, str], ...]
    """Image and why its texts cannot be part of an answer."""


def compile_samples(
    samples: Iterable[Sample],
    *,
    leak: bool = True,
    start: Start = Start.LONG,
    unannotated: Unannotated = Unannotated.DROP,
) -> Compiled:
    """Write every sample's answer.

    Args:
        samples: with label, caption and attributes.
        leak: end REASONING with "Therefore, this image is ...", as the paper's examples do. That sentence decides
            before the conclusion does.
        start: how the conclusion begins.
        unannotated: what becomes of images without caption or attributes.
    """
    records, unusable = [], []
    counts: Counter[str] = Counter()
    for sample in samples:
        if sample.label is None:
            counts["dropped"] += 1
            continue
        if not (sample.caption and sample.attributes):
            counts["short" if unannotated is Unannotated.SHORT else "dropped"] += 1
            if unannotated is Unannotated.SHORT:
                records.append(_record(sample, QUESTION, short_answer(sample.label)))
            continue
        try:
            answer = _full(sample, sample.label, leak, start)
        except ValueError as fault:
            counts["unusable"] += 1
            unusable.append((sample.image, str(fault)))
            continue
        counts["full"] += 1
        records.append(_record(sample, QUESTION, answer))
    return Compiled(tuple(records), counts, tuple(unusable))


def caption_records(samples: Iterable[Sample]) -> tuple[dict[str, Any], ...]:
    """Records for the alignment of the projector: an image and what it shows.

    Args:
        samples: those without a caption are left out.
    """
    return tuple(
        _record(sample, CAPTION_QUESTION, _line(sample.caption))
        for sample in samples
        if sample.caption and not any(stage.text for stage in parse_answer(sample.caption))
    )


def reasoning_json(samples: Iterable[Sample]) -> dict[str, dict[str, str | None]]:
    """The authors' ``*_reasoning.json``: path to the label's five attributes, each with a text or null.

    Args:
        samples: those that nobody annotated are left out.
    """
    return {
        sample.image: {name: sample.attributes.get(name) for name in sorted(attributes_of(sample.label.value))}
        for sample in samples
        if sample.label and sample.attributes is not None
    }


def written(records: Iterable[Mapping[str, Any]]) -> str:
    """Records as a JSON file, a record a line.

    Args:
        records: conversations, or rows of any kind.
    """
    return "[\n" + ",\n".join(json.dumps(record, ensure_ascii=True) for record in records) + "\n]\n"


def _full(sample: Sample, label: Label, leak: bool, start: Start) -> str:
    texts = {name: _line(text) for name, text in (sample.attributes or {}).items()}
    caption, reasoning = _line(sample.caption), reasoning_text(texts, label, leak=leak)
    answer = full_answer(caption, reasoning, label, start=STARTS[start])
    stages = {stage.stage: stage for stage in parse_answer(answer)}
    if (stages[Stage.CAPTION].text, stages[Stage.REASONING].text) != (caption, reasoning):
        raise ValueError("a text holds a tag of a stage, such as <REASONING>")
    return answer


def _line(text: str) -> str:
    return " ".join(text.split())


def _record(sample: Sample, question: str, answer: str) -> dict[str, Any]:
    turns = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
    about: dict[str, Any] = {"image": sample.image, "source": sample.source}
    if sample.generator:
        about["generator"] = sample.generator
    if sample.split:
        about["split"] = sample.split
    if sample.attributes and question == QUESTION:
        about["attributes"] = dict(sample.attributes)
    return {**about, "conversations": turns}
