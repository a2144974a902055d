"""The four-stage answer (paper Sec. 3.2 and Figure 8): its tags, its constant texts, and a parser.

This is the only place where these words stand; the prompt, the mapper, the trainer and the reports read them here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fakescan.core.attributes import HIGH_LEVEL, attributes_of
from fakescan.core.records import Label, Stage, StageReasoning

SUMMARY_TEXT = (
    "I will determine if the image is real or fake by analyzing its content and identifying forgery attributes from "
    "both low-level and high-level perspectives. I will then conclude by stating either 'this image is real' or "
    "'this image is fake' based on my analysis."
)
"""The constant first stage."""

SHORT_CONCLUSION = "This image is"
"""Start of the conclusion in the authors' code, and of a conclusion without any reasoning."""

LONG_CONCLUSION = "Based on the analysis above, this image is"
"""Start of the conclusion in the paper's figures."""

CONCLUSION_STARTS = (SHORT_CONCLUSION, LONG_CONCLUSION)
LOW_LEVEL_START = "From low-level perspective:"
HIGH_LEVEL_START = "From high-level perspective:"


def open_tag(stage: Stage) -> str:
    """``<SUMMARY>`` and so on."""
    return f"<{stage.name}>"


def close_tag(stage: Stage) -> str:
    """``</SUMMARY>`` and so on."""
    return f"</{stage.name}>"


def wrapped(stage: Stage, text: str) -> str:
    """A stage's text between its tags, in the spacing of the paper's examples."""
    return f"{open_tag(stage)} {text.strip()} {close_tag(stage)}"


def reasoning_text(attributes: Mapping[str, str], label: Label, *, leak: bool = True) -> str:
    """Compile attribute annotations into the REASONING stage, low-level before high-level.

    Args:
        attributes: attribute name (one of the label's five) to its description.
        label: REAL or FAKE.
        leak: end with "Therefore, this image is ...", as the paper's examples do. That sentence gives the verdict
            away before the conclusion is reached.

    Raises:
        ValueError: an attribute that is none of the label's five: leaving it out would lose what an annotator saw.
    """
    if unknown := sorted(set(attributes) - set(attributes_of(label.value))):
        raise ValueError(unknown_attributes(unknown, label))
    known = [name for name in attributes_of(label.value) if attributes.get(name)]
    parts = []
    for start, high in ((LOW_LEVEL_START, False), (HIGH_LEVEL_START, True)):
        texts = [attributes[name].strip().rstrip(".") + "." for name in known if (name in HIGH_LEVEL) is high]
        if texts:
            parts.append(" ".join([start, *texts]))
    if leak:
        parts.append(f"Therefore, this image is {label.value}.")
    return " ".join(parts)


def unknown_attributes(names: Iterable[str], label: Label) -> str:
    """What to say of attribute names that a label does not have.

    Args:
        names: the unknown names.
        label: REAL or FAKE.
    """
    allowed = ", ".join(attributes_of(label.value))
    return f"unknown attributes for a {label.value} image: {', '.join(map(repr, names))}; known are {allowed}"


def full_answer(caption: str, reasoning: str, label: Label, *, start: str = LONG_CONCLUSION) -> str:
    """The four stages of a training answer, one a line.

    Args:
        caption: what the picture shows.
        reasoning: as ``reasoning_text`` compiles it.
        label: REAL or FAKE.
        start: one of ``CONCLUSION_STARTS``.
    """
    return "\n".join(
        [
            wrapped(Stage.SUMMARY, SUMMARY_TEXT),
            wrapped(Stage.CAPTION, caption),
            wrapped(Stage.REASONING, reasoning),
            wrapped(Stage.CONCLUSION, f"{start} {label.value}."),
        ]
    )


def short_answer(label: Label) -> str:
    """The answer without reasoning: the conclusion alone."""
    return wrapped(Stage.CONCLUSION, f"{SHORT_CONCLUSION} {label.value}.")


_TAG = re.compile(r"<\s*(/?)\s*(SUMMARY|CAPTION|REASONING|CONCLUSION)\s*>", re.IGNORECASE)


def parse_answer(text: str) -> tuple[StageReasoning, ...]:
    """Split an answer into its four stages.

    Strict about what counts: a stage is complete only between its own opening and closing tag. Forgiving about the
    rest: case and blanks in tags, text between stages, stages out of order, a missing closing tag (the text then
    ends at the next tag or at the end, and the stage is incomplete). The first opening of a stage counts.

    Returns:
        Always four records in the paper's order; a missing stage has an empty text and ``complete=False``.
    """
    found: dict[Stage, StageReasoning] = {}
    tags = list(_TAG.finditer(text))
    for here, tag in enumerate(tags):
        stage = Stage(tag[2].lower())
        if tag[1] or stage in found:
            continue
        following = tags[here + 1] if here + 1 < len(tags) else None
        end = following.start() if following else len(text)
        complete = following is not None and bool(following[1]) and following[2].lower() == stage.value
        found[stage] = StageReasoning(stage, text[tag.end() : end].strip(), complete)
    return tuple(found.get(stage, StageReasoning(stage, "", complete=False)) for stage in Stage)


def parse_free_answer(text: str) -> tuple[StageReasoning, ...]:
    """An answer's stages, as ``parse_answer`` splits it; one without any tags is a conclusion as a whole.

    Args:
        text: what a model wrote that never learned the tags.
    """
    stages = parse_answer(text)
    if any(stage.text for stage in stages):
        return stages
    return tuple(
        StageReasoning(stage, text if stage is Stage.CONCLUSION else "", stage is Stage.CONCLUSION) for stage in Stage
    )


_VERDICT = re.compile(r"\bthis image is (real|fake)\b", re.IGNORECASE)


def concluded(text: str) -> Label | None:
    """The side that a conclusion's words take, or None when they take none or both."""
    sides = {match[1].lower() for match in _VERDICT.finditer(text)}
    return Label(sides.pop()) if len(sides) == 1 else None
