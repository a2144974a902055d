"""One picture as a page shows it: plain text in reading order, already safe to print, no decisions left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakescan.core.records import (
    Assessed,
    Calibration,
    EvidenceStatus,
    Failure,
    ImageResult,
    Label,
    Prediction,
    ScoreKind,
    Strength,
)
from fakescan.core.verdict_words import stages_introduction
from fakescan.reports import words
from fakescan.reports.charts import BarView, bar_view
from fakescan.reports.decided import Decided, DecidedView, decided_view
from fakescan.reports.escape import visible
from fakescan.reports.measured import NumberView, number_view, rests_on_file
from fakescan.reports.order import needs_attention, strongest
from fakescan.reports.view_checks import ClaimView, RescoredView, claim_view, stability_views
from fakescan.reports.view_evidence import VALUE_CHARS, EvidenceView, evidence_views, names_of, prompt_of, speaks


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One sentence of the explanation."""

    source: str
    """Where it comes from, in a word."""
    text: str
    """The sentence."""
    conflict: bool
    """Whether it names a contradiction."""


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of the model's answer."""

    title: str
    """Name of the stage for people."""
    text: str
    """The model's words, possibly empty."""
    complete: bool
    """Whether the model closed the stage."""


@dataclass(frozen=True, slots=True)
class FailureView:
    """Why there is no verdict."""

    step: str
    """At which step it ended."""
    code: str
    """The stable slug."""
    message: str
    """What happened."""
    hint: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class ImageView:
    """Everything that a page says about one file."""

    anchor: str
    """Fragment of the address: ``img-`` and 12 hex digits of the path's digest."""
    path: str
    """Path, invisible characters spelled out."""
    key: str
    """Key of the verdict (``words.MARKS``)."""
    headline: str
    """The words for people."""
    short: str
    """The same for a small card."""
    lead: str
    """The strongest reason, or the error's message."""
    conflict: bool
    """Whether a contradiction was found."""
    p_fake: float | None
    """The deciding probability, for sorting."""
    number: NumberView | None
    """The score with its meaning, None for an error."""
    small: str
    """The number for a small card, empty for an error; where the verdict does not rest on it, it says whose it is."""
    bar: BarView | None
    """The calibration bar, None without a score."""
    basis: str
    """What the verdict rests on."""
    reasons: tuple[ReasonView, ...]
    """Conflicts first, then strongest first."""
    evidence: tuple[EvidenceView, ...]
    """What readers found or failed at."""
    speaks: bool
    """Whether the file itself says something for a side."""
    silent: str
    """What was looked for and not found, as one line."""
    not_run: str
    """Which readers did not run, as one line."""
    stages_intro: str
    """How to read the model's text."""
    stages: tuple[StageView, ...]
    """The four stages, empty when no text was asked for."""
    stability: tuple[RescoredView, ...]
    """The picture under other encodings; empty when that was not tried."""
    claims: tuple[ClaimView, ...]
    """Checked sentences of the model's text; empty when they were not checked."""
    failure: FailureView | None
    """Why there is no verdict."""
    facts: tuple[tuple[str, str], ...]
    """Facts of the file."""
    next_steps: tuple[str, ...]
    """What a person can do next."""
    kind_key: str
    """Kind of picture as a key, or ``unknown``."""
    kind: str
    """Kind of picture in words."""
    size_bytes: int
    """Size on disk, for sorting."""
    sha256: str
    """Digest of the file, or that it was not computed."""
    thumbnail: str | None
    """Address of a small picture: ``data:`` or a file beside the page."""
    folder: str
    """Folder below the root, ``.`` for the root itself."""
    why: str
    """Why there is no verdict for a side: the sentence of an inconclusive one, an error's code, or empty."""
    signals: tuple[str, ...]
    """What in the file speaks for a side, as ``reader: name``."""
    prompt: str
    """The text that a generator was given, when a reader found it in the file."""
    urgent: bool
    """Whether it belongs under "look here first"."""
    decision: DecidedView | None
    """What a person decided, where that was recorded."""
    same: tuple[tuple[str, str], ...]
    """Other files of the scan with the same or nearly the same picture: anchor and path."""


def image_view(
    result: ImageResult,
    calibrations: Mapping[ScoreKind, Calibration],
    thumbnail: str | None = None,
    same: Sequence[str] = (),
    decided: Decided | None = None,
) -> ImageView:
    """Fill the view of one file.

    Args:
        result: what is known about it.
        calibrations: the scan's calibration by score.
        thumbnail: address of its preview, or None.
        same: paths of the scan's other files with the same or nearly the same picture.
        decided: what a person decided about it.
    """
    record, outcome, key = result.record, result.outcome, words.label_key(result)
    assessed = outcome if isinstance(outcome, Assessed) else None
    failure = _failure(outcome) if isinstance(outcome, Failure) else None
    reasons = _reasons(assessed)
    conflict = any(reason.conflict for reason in reasons)
    stages = _stages(assessed.prediction) if assessed else ()
    number = number_view(assessed, calibrations, record.kind) if assessed else None
    whose = "model: " if assessed and rests_on_file(assessed) and assessed.verdict.p_fake is not None else ""
    return ImageView(
        anchor=anchor(record.file.path),
        path=visible(record.file.path),
        key=key,
        headline=visible(words.headline(result)),
        short=visible(words.short_headline(result)),
        lead=failure.message if failure else reasons[0].text if reasons else "No reason was recorded.",
        conflict=conflict,
        p_fake=assessed.verdict.p_fake if assessed else None,
        number=number,
        small=f"{whose}{number.value}" if number else "",
        bar=bar_view(assessed.verdict, calibrations.get(assessed.scores.used)) if assessed else None,
        basis=_basis(assessed),
        reasons=reasons,
        evidence=evidence_views(result.evidence, assessed.verdict.label if assessed else None),
        speaks=any(map(speaks, result.evidence)),
        silent=names_of(result.evidence, EvidenceStatus.SILENT),
        not_run=names_of(result.evidence, EvidenceStatus.NOT_RUN),
        stages_intro=_intro(assessed.prediction, bool(result.claims)) if assessed and stages else "",
        stages=stages,
        stability=stability_views(result, calibrations),
        claims=tuple(map(claim_view, result.claims)),
        failure=failure,
        facts=_facts(result),
        next_steps=words.next_steps(key, conflict, any(item.strength is Strength.TRUSTED for item in result.evidence)),
        kind_key=record.kind.value if record.kind else "unknown",
        kind=words.KIND_WORDS[record.kind],
        size_bytes=record.file.size_bytes,
        sha256=visible(record.file.sha256) or "not computed",
        thumbnail=thumbnail,
        folder=visible(record.file.path.rpartition("/")[0]) or ".",
        why=_why(result),
        signals=tuple(
            dict.fromkeys(visible(f"{item.reader}: {item.name}") for item in result.evidence if speaks(item))
        ),
        prompt=prompt_of(result.evidence),
        urgent=needs_attention(result),
        decision=decided_view(decided, key) if decided else None,
        same=tuple((anchor(path), visible(path)) for path in same),
    )


def anchor(path: str) -> str:
    """Fragment for a path: stable between reports of the same files, and safe in an address.

    Args:
        path: the path as recorded.
    """
    return "img-" + hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _reasons(assessed: Assessed | None) -> tuple[ReasonView, ...]:
    """Reasons with conflicts before all others."""
    if assessed is None:
        return ()
    return tuple(
        ReasonView(visible(words.SOURCE_WORDS.get(reason.source, reason.source)), visible(reason.text), reason.conflict)
        for reason in strongest(assessed.verdict.reasons)
    )


def _why(result: ImageResult) -> str:
    """Why there is no verdict for a side, in words that files of a scan share."""
    if isinstance(result.outcome, Failure):
        return f"Not examined: {visible(result.outcome.code)}"
    if result.outcome.verdict.label is not Label.INCONCLUSIVE:
        return ""
    reason = visible(result.outcome.verdict.headline).partition(": ")[2].rstrip(".")
    return reason[:1].upper() + reason[1:]


def _basis(assessed: Assessed | None) -> str:
    """What the verdict rests on, as a phrase."""
    if assessed is None:
        return ""
    names = {"model": "the model's score", "provenance": "what the file says about its origin"}
    return " and ".join(names.get(item, visible(item)) for item in assessed.verdict.basis) or "nothing that decides"


def _stages(prediction: Prediction) -> tuple[StageView, ...]:
    """The stages in order, in the model's own words."""
    return tuple(
        StageView(
            words.STAGE_WORDS[item.stage], visible(item.text, lines=True, limit_chars=VALUE_CHARS * 4), item.complete
        )
        for item in prediction.stages
    )


def _intro(prediction: Prediction, checked: bool) -> str:
    """How to read the model's text: whether it was free or written for a side, and whether it was checked."""
    told = "Nobody has checked these words against the picture."
    if checked:
        told = "Its sentences were checked, see below."
    return f"{stages_introduction(prediction)} {told}"


def _failure(failure: Failure) -> FailureView:
    """An error's texts."""
    limit = VALUE_CHARS
    return FailureView(
        visible(failure.step),
        visible(failure.code),
        visible(failure.message, limit_chars=limit) or "No message was recorded.",
        visible(failure.hint, limit_chars=limit),
    )


def _facts(result: ImageResult) -> tuple[tuple[str, str], ...]:
    """Facts of the file that are known."""
    record, file = result.record, result.record.file
    facts = [
        ("Path", visible(file.path)),
        ("Size", f"{words.size(file.size_bytes)} ({file.size_bytes:,} bytes)"),
        ("SHA-256", visible(file.sha256) or "not computed"),
        ("Type by signature", visible(file.media_type) if file.media_type else "not recognised"),
    ]
    if record.width_px is not None and record.height_px is not None:
        facts.append(("Picture", f"{record.width_px:,} × {record.height_px:,} pixels"))  # noqa: RUF001  (the sign for "by")
        facts.append(("Kind (estimated)", words.KIND_WORDS[record.kind]))
    if record.frame_count is not None and record.frame_count > 1:
        facts.append(("Frames", f"{record.frame_count:,}, only the first was examined"))
    if record.orientation is not None and record.orientation != 1:
        facts.append(("Orientation in EXIF", f"{record.orientation}, applied before examining"))
    if record.phash is not None:
        facts.append(("Perceptual hash", f"{visible(record.phash)} (alike in pictures that look alike)"))
    if spent := ", ".join(f"{visible(step)} {spent_s:.3g} s" for step, spent_s in result.timings_s.items()):
        facts.append(("Time spent", spent))
    return tuple(facts)
