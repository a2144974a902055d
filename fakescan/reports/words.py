"""How a report speaks: the words and marks of a verdict, and how numbers, sizes and times are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from fakescan.core.calibration import shown
from fakescan.core.checked import ClaimMark
from fakescan.core.records import EvidenceStatus, Failure, ImageKind, ImageResult, ScoreKind, Stage, Strength, Supports


@dataclass(frozen=True, slots=True)
class Mark:
    """A verdict's word and shape; the colour is chosen by the stylesheet from ``key``."""

    key: str
    """``fake``, ``inconclusive``, ``real`` or ``error``."""
    word: str
    """What people read when many are counted."""
    glyph: str
    """The shape as one character."""
    plain: str
    """The same for streams without that character."""


MARKS: Mapping[str, Mark] = {
    "fake": Mark("fake", "Likely AI-generated", "▲", "!"),
    "inconclusive": Mark("inconclusive", "Inconclusive", "◆", "?"),
    "real": Mark("real", "No sign of AI generation found", "○", "-"),
    "error": Mark("error", "Could not be examined", "✕", "x"),
}
"""In the order in which they are counted."""

COUNTED: Mapping[str, str] = {
    "fake": "likely AI-generated",
    "inconclusive": "inconclusive",
    "real": "with no sign of AI generation found",
    "error": "could not be examined",
}
"""What follows a number of files, by key of the verdict."""

KIND_WORDS: Mapping[ImageKind | None, str] = {
    ImageKind.PHOTO: "photograph",
    ImageKind.ART: "drawing or artwork",
    ImageKind.SCREENSHOT: "screenshot or graphic",
    ImageKind.DOCUMENT: "document or text",
    ImageKind.COMPOSITE: "several pictures in one",
    ImageKind.UPSCALED: "picture scaled up from a much smaller one",
    ImageKind.TINY: "very small picture",
    None: "kind not determined",
}
SUPPORTS_WORDS: Mapping[Supports, str] = {
    Supports.FAKE: "AI generation",
    Supports.EDITED: "an AI edit",
    Supports.REAL: "a camera picture",
    Supports.NONE: "neither",
}
STRENGTH_WORDS: Mapping[Strength, tuple[str, str]] = {
    Strength.TRUSTED: ("trusted signature", "Needs the signing key of somebody on the trust list."),
    Strength.UNSIGNED: ("unsigned", "Can be added, changed or removed by anyone with a metadata editor."),
    Strength.WEAK: ("weak", "Ordinary editing programs write it too, and anyone can change it."),
    Strength.CONTEXT: ("context only", "Says nothing by itself, and anyone can change it."),
}
STATUS_WORDS: Mapping[EvidenceStatus, str] = {
    EvidenceStatus.FIRED: "found",
    EvidenceStatus.SILENT: "looked for, not found",
    EvidenceStatus.NOT_RUN: "not run",
    EvidenceStatus.FAILED: "could not be read",
}
SOURCE_WORDS: Mapping[str, str] = {
    "model": "model",
    "file": "file",
    "signature": "signature",
    "scan": "comparison with other files",
    "policy": "policy",
}
SCORE_WORDS: Mapping[ScoreKind, str] = {
    ScoreKind.BEFORE: "before the model wrote any text",
    ScoreKind.AFTER: "after the model's own text",
}
CLAIM_WORDS: Mapping[ClaimMark, str] = {
    ClaimMark.SUPPORTED: "supported",
    ClaimMark.UNSUPPORTED: "not supported",
    ClaimMark.CONTRADICTED: "contradicted",
    ClaimMark.NOT_CHECKABLE: "not checkable",
}
STAGE_WORDS: Mapping[Stage, str] = {
    Stage.SUMMARY: "Summary",
    Stage.CAPTION: "What the picture shows",
    Stage.REASONING: "Reasoning",
    Stage.CONCLUSION: "Conclusion",
}
EXIT_MEANINGS: Mapping[int, str] = {
    0: "finished, every image was assessed and nothing reached the limit set by --fail-on",
    1: "finished, with findings at or above the limit set by --fail-on",
    2: "not finished: wrong usage, bad settings, a missing model, an internal error, or nothing to scan",
    3: "finished without a finding, but at least one file could not be assessed",
    130: "interrupted; what was done is kept, and --resume goes on from there",
}
STANDFIRST = (
    "What a measured model says about each picture, what the files say about themselves, and how often such results "
    "are wrong. None of it is proof."
)
NOTHING_FOUND = "No image was found, so nothing was examined."
LIMITS: tuple[tuple[str, str], ...] = (
    (
        "Missing metadata proves nothing.",
        "Messengers, social networks and editors remove it from camera pictures and from generated pictures alike.",
    ),
    (
        "“AI-generated” is not “untrue”, and a camera picture is not “true”.",
        "A generated picture may show something that happened; a photograph may be staged, old or wrongly captioned.",
    ),
    (
        "Small AI edits are not what the model was trained on.",
        "It judges whole pictures. A photograph with a replaced face, sky or object can pass without a sign.",
    ),
    (
        "The number depends on the data that it was fitted on.",
        "Pictures of a kind, a generator or a source that was not in that data can be wrong more often than the rates "
        "under “How sure can one be” say, and a folder with few generated pictures has more false alarms among its "
        "findings than the test set had.",
    ),
    (
        "The model's text is an explanation, not a measurement.",
        "It can describe things that are not in the picture. Only sentences with a mark were checked; that the score "
        "reacts to a part of the picture does not make what is said of it true.",
    ),
    (
        "“No sign of AI generation found” does not say that a camera took the picture.",
        "It says that this model saw nothing that it has learnt to take for AI generation.",
    ),
)
"""What no report can tell, each as a sentence and its reason."""
_NEXT_STEPS: Mapping[str, tuple[str, ...]] = {
    "fake": (
        "Run a reverse image search: an older or a larger copy may name its origin.",
        "Ask the sender for the original file, as it left the camera or the program.",
        "Look at the picture at 100 % for the things that the model names, and disregard those that are not there.",
        "Have a second person examine it without telling them this result.",
    ),
    "inconclusive": (
        "Do not use this result for or against the picture.",
        "Ask the sender for the original file: copies that were scaled or re-encoded lose traces.",
        "Run a reverse image search, and check place, time and light against what is claimed.",
    ),
    "real": (
        "Check place, time and source as for any other picture: this result does not say what it shows.",
        "Ask for the original file when much depends on it.",
    ),
    "error": (
        "Treat this file as not examined.",
        "Ask the sender for the original file, or save it anew in a common format and scan that copy.",
    ),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def label_key(result: ImageResult) -> str:
    """Key into ``MARKS``: the verdict's label, or ``error``."""
    outcome = result.outcome
    return "error" if isinstance(outcome, Failure) else outcome.verdict.label.value


def headline(result: ImageResult) -> str:
    """The words for people: the verdict's headline, or that there is none."""
    outcome = result.outcome
    return MARKS["error"].word if isinstance(outcome, Failure) else outcome.verdict.headline


def short_headline(result: ImageResult) -> str:
    """The headline without the sentence that an inconclusive one goes on with."""
    key = label_key(result)
    return MARKS[key].word if key == "inconclusive" else headline(result)


def next_steps(key: str, conflict: bool, signed: bool) -> tuple[str, ...]:
    """What a person can do next.

    Args:
        key: key into ``MARKS``.
        conflict: whether the reasons name a contradiction.
        signed: whether the file carries a signature.
    """
    first: tuple[str, ...] = ()
    if conflict:
        first += ("Settle the contradiction first: compare with the original file from the sender.",)
    if signed:
        first += ("Check who signed the file, and whether that name means something to you.",)
    return first + _NEXT_STEPS[key]


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``1,000 images``.

    Args:
        number: how many.
        one: the word for one.
        many: the word for several when an "s" is not enough.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def probability(value: float | None) -> str:
    """Two decimals, never 0.00 or 1.00; a dash when there is no score."""
    return "—" if value is None else shown(value)


def share(value: float) -> str:
    """A share of one as per cent, with a decimal below 10 %."""
    per_cent = value * 100
    return f"{per_cent:.1f} %" if per_cent < 9.95 else f"{per_cent:.0f} %"


def size(size_bytes: int) -> str:
    """``812 bytes``, ``2.4 MB`` (powers of 1000, as file managers show them)."""
    if size_bytes < 1000:
        return count(size_bytes, "byte")
    value, unit = size_bytes / 1000, "kB"
    for larger in ("MB", "GB"):
        if value >= 999.5:
            value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 99.5 else f"{value:.0f} {unit}"


def moment(when: datetime) -> str:
    """``28 November 2026, 14:05 UTC``, in English whatever the locale."""
    zone = when.tzname() or "no time zone"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} {zone}"


def duration(span: timedelta) -> str:
    """``0.8 s``, ``4 min 07 s``, ``2 h 05 min``."""
    total_s = max(0.0, span.total_seconds())
    if total_s < 10:
        return f"{total_s:.1f} s"
    minutes, seconds = divmod(round(total_s), 60)
    if minutes == 0:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def summary_parts(summary: Mapping[str, int]) -> list[str]:
    """The counts in words, those that are not 0, findings first.

    Args:
        summary: ``Scan.summary``.
    """
    return [f"{summary[key]:,} {text}" for key, text in COUNTED.items() if summary[key]]
