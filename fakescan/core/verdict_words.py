"""The words of a verdict (REPORT.md section 2): its headline, and its reasons strongest first.

No sentence here contains text from the file, but for the name of the signing camera in one headline, which is
stripped of everything that could steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from fakescan.core.calibration import NOT_CALIBRATED, likelihood, shown
from fakescan.core.checked import Steadiness
from fakescan.core.model_view import Doubt, ModelSide, ModelView
from fakescan.core.provenance import AI_MARKS, Found, Provenance
from fakescan.core.records import ImageKind, Label, Prediction, Reason, ScoreKind

LIKELY = "Likely AI-generated"
VERY_LIKELY = "Very likely AI-generated"
NO_SIGN = "No sign of AI generation found"
NO_SIGN_BY_MODEL = "No sign of AI generation found by the model alone"
INCONCLUSIVE = "Inconclusive"
NOT_HOLDING = "The verdict does not hold"
"""How the reason begins where other encodings of the picture make it inconclusive."""

_VERY_LIKELY_FROM = 0.95
_MAX_NAME_LENGTH = 60
_NO_LIST = "signed by somebody who is on no trust list"
_WHEN = {ScoreKind.BEFORE: "before any text", ScoreKind.AFTER: "after its own reasoning"}
_KINDS = {
    ImageKind.PHOTO: "looks like a photograph",
    ImageKind.ART: "looks like a drawing or artwork",
    ImageKind.SCREENSHOT: "looks like a screenshot or graphic",
    ImageKind.DOCUMENT: "looks like a document or text",
    ImageKind.COMPOSITE: "looks put together from several pictures",
    ImageKind.UPSCALED: "looks scaled up from a much smaller one",
    ImageKind.TINY: "is very small",
}
"""But for the size these are guesses from statistics of the pixels, and are often wrong (``docs/kinds.md``)."""
_NAMES = {
    Found.TRUSTED_AI: "a trusted signature that declares AI generation",
    Found.TRUSTED_CAPTURE: "a trusted signature that declares a camera capture",
    Found.CLAIMED_AI: "marks of an AI generator",
    Found.CAMERA_FIELDS: "camera fields",
}
_AGAINST_MODEL = {
    Found.TRUSTED_AI: "A trusted signature declares AI generation, but the model sees no sign of it.",
    Found.TRUSTED_CAPTURE: "A trusted signature declares a camera capture, but the model takes the picture for "
    "AI-generated.",
    Found.CLAIMED_AI: "The file carries marks of an AI generator, but the model sees no sign of AI generation.",
    Found.CAMERA_FIELDS: "The file carries camera fields, but the model takes the picture for AI-generated; such "
    "fields are easily copied.",
}
_POLICIES = {
    "marks": "Policy “marks”: any mark of AI in the file counts as AI-generated.",
    "model": "Policy “model”: the model decides alone, what the file says is only listed.",
    "strict": "Policy “strict”: any conflict makes it inconclusive.",
}


def explain(
    *,
    label: Label,
    basis: tuple[str, ...],
    conflict: bool,
    provenance: Provenance,
    view: ModelView,
    policy: str,
    balanced: Label,
) -> tuple[str, tuple[Reason, ...]]:
    """Headline and reasons of a verdict.

    Args:
        label: the verdict.
        basis: what it rests on.
        conflict: whether model and file contradict each other.
        provenance: what the file says.
        view: what the model says.
        policy: name of the policy.
        balanced: what the default policy would have said.
    """
    conflicts = list(_conflicts(conflict, provenance))
    warnings = [Reason("signature", "A signature in the file is broken or does not belong to this picture.")]
    changed = [Reason("policy", _POLICIES[policy])] if label is not balanced else []
    by_file, by_model = list(_file_reasons(provenance)), list(_model_reasons(view))
    # The first reason is what the verdict rests on; a model that decides alone speaks before the file.
    strongest = by_file + by_model if basis[:1] == ("provenance",) else by_model + by_file
    reasons = conflicts + warnings * provenance.broken_signature + changed + strongest + list(_context(provenance))
    return _headline(label, basis, provenance, view, conflict=conflict, policy=policy), tuple(reasons)


def stages_introduction(prediction: Prediction) -> str:
    """One sentence that says how the four stages came about; empty when there are none.

    Args:
        prediction: what the model said.
    """
    if not prediction.stages:
        return ""
    if prediction.steered_to is None:
        return "The model wrote this freely."
    side = "AI-generated" if prediction.steered_to is Label.FAKE else "not AI-generated"
    return (
        f"The model was asked to explain why it leans to “{side}”; this text is an explanation of its score, "
        "not a second opinion."
    )


def _conflicts(with_model: bool, provenance: Provenance) -> Iterator[Reason]:
    if with_model:
        row = provenance.row
        yield Reason(_source(row, provenance), _AGAINST_MODEL[row], conflict=True)
    for one, other in provenance.contradictions:
        text = f"The file carries both {_NAMES[one]} and {_NAMES[other]}: they contradict each other."
        yield Reason(_source(one, provenance), text, conflict=True)


def _source(row: Found, provenance: Provenance) -> str:
    return "file" if row in provenance.unsigned else "signature"


def _file_reasons(provenance: Provenance) -> Iterator[Reason]:
    for row in provenance.found:
        yield Reason(_source(row, provenance), _file_sentence(row, provenance))


def _file_sentence(row: Found, provenance: Provenance) -> str:
    unsigned = row in provenance.unsigned
    match row:
        case Found.TRUSTED_AI:
            return "A trusted signature declares that the picture was made by AI."
        case Found.TRUSTED_EDIT:
            return "A trusted signature declares that the picture was edited with AI."
        case Found.TRUSTED_CAPTURE:
            return "A trusted signature declares a camera capture, and the file is unchanged since."
        case Found.CLAIMED_AI if unsigned:
            return "The file carries marks of an AI generator (unsigned: can be added by anyone)."
        case Found.CLAIMED_AI:
            return f"A signature declares AI generation ({_NO_LIST}: can be added by anyone)."
        case Found.CLAIMED_EDIT if unsigned:
            return "The file says it was edited with AI (unsigned)."
        case Found.CLAIMED_EDIT:
            return f"The file says it was edited with AI ({_NO_LIST})."
        case Found.CAMERA_FIELDS if unsigned:
            return "The file carries camera fields that fit together (unsigned: they are easily copied)."
        case _:
            return f"A signature declares a camera capture ({_NO_LIST}: can be added by anyone)."


def _model_reasons(view: ModelView) -> Iterator[Reason]:
    yield Reason("model", _model_sentence(view))
    if view.doubt is Doubt.TEXT:
        yield Reason("model", "The model's own text concludes the other side than its score.")
    if view.p_fake is not None and view.scores.used is not view.wanted:
        missing, used = _WHEN[view.wanted], _WHEN[view.scores.used]
        yield Reason("policy", f"The score {missing} should decide but was not computed; the one {used} decided.")
    if view.steadiness is not None and view.p_fake is not None and view.doubt is not Doubt.UNSTEADY:
        yield Reason("model", _steady_sentence(view.steadiness))


def _model_sentence(view: ModelView) -> str:
    if view.p_fake is None:
        return "The model gave no score: its answer has no conclusion that could be read."
    number = shown(view.p_fake)
    if view.doubt is Doubt.SCOPE:
        kind = _KINDS[view.kind] if view.kind else "is of a kind"
        return f"The picture {kind}: outside what this model was measured on (its score there: {number})."
    when = _WHEN[view.scores.used]
    if view.calibrated:
        number, words = f"P(AI-generated) {number} {when}", likelihood(view.p_fake)
    else:
        number, words = f"score for AI generation {number} {when}", NOT_CALIBRATED
    if view.doubt is Doubt.UNSTEADY and view.steadiness is not None:
        return f"{_unsteady_sentence(view.steadiness)} As it is: {number}{'' if view.calibrated else f' ({words})'}."
    if view.doubt is Doubt.BAND:
        low, high = view.calibration.inconclusive_band
        beside = "" if view.calibrated else f" ({NOT_CALIBRATED})"
        return f"The model decides nothing: {number}{beside}, inside the band from {low:.2f} to {high:.2f}."
    return f"The model's {number} ({words})."


def _unsteady_sentence(steady: Steadiness) -> str:
    other = {Label.FAKE: "for not AI-generated", Label.REAL: "for AI-generated"}[steady.own]
    low, high, tried = shown(steady.low), shown(steady.high), steady.tried
    how = f"{steady.opposite} of {tried} times it is taken {other}"
    if not steady.opposite:
        how = f"in {tried - steady.kept} of {tried} no side is taken any more"
    return f"{NOT_HOLDING}: when the same picture is encoded anew, {how} (from {low} to {high})."


def _steady_sentence(steady: Steadiness) -> str:
    low, high, tried = shown(steady.low), shown(steady.high), steady.tried
    times = "once" if tried == 1 else f"in {tried} ways"
    kept = "keeps" if steady.kept == tried else f"keeps in {steady.kept} of {tried}"
    return (
        f"Encoded anew {times}, the score before any text goes from {low} to {high} and {kept} its side of the limits."
    )


def _context(provenance: Provenance) -> Iterator[Reason]:
    if provenance.silent_signer:
        yield Reason("signature", "The file has a trusted signature that declares neither capture nor AI.")
    if provenance.weak_marks:
        yield Reason("file", "The file carries weak marks that programs without AI leave too: context only.")
    if provenance.unread:
        yield Reason("file", "A part of the file's metadata could not be read: marks in it would be missed.")


def _headline(
    label: Label,
    basis: tuple[str, ...],
    provenance: Provenance,
    view: ModelView,
    *,
    conflict: bool,
    policy: str,
) -> str:
    if label is Label.INCONCLUSIVE:
        return f"{INCONCLUSIVE}: {_why(basis, provenance, view, conflict=conflict, policy=policy)}"
    if label is Label.FAKE:
        sure = view.calibrated and view.side is ModelSide.FAKE and (view.p_fake or 0.0) >= _VERY_LIKELY_FROM
        return VERY_LIKELY if sure else LIKELY
    if "provenance" in basis and provenance.row is Found.TRUSTED_CAPTURE:
        return f"Signed by {_printable(provenance.captured_by) or 'a trusted camera'}, unchanged since"
    return NO_SIGN_BY_MODEL if any(mark in provenance.found for mark in AI_MARKS) else NO_SIGN


def _why(basis: tuple[str, ...], provenance: Provenance, view: ModelView, *, conflict: bool, policy: str) -> str:
    """One sentence, strongest cause first."""
    if "provenance" in basis:
        if provenance.trusted_contradiction:
            return "two trusted signatures contradict each other."
        if provenance.row is Found.TRUSTED_EDIT:
            return "edited with AI, says a trusted signature."
        if conflict:
            return "the file and the model contradict each other."
        if provenance.row is Found.CLAIMED_EDIT:
            signed = "unsigned" if Found.CLAIMED_EDIT in provenance.unsigned else _NO_LIST
            return f"the file says it was edited with AI ({signed})."
        if policy == "strict" and provenance.contradictions:
            return "the file contradicts itself."
    doubts = {
        Doubt.SCOPE: "outside what this model was measured on.",
        Doubt.NO_SCORE: "the model gave no score.",
        Doubt.TEXT: "the model's own text concludes the other side than its score.",
        Doubt.UNSTEADY: "the verdict does not hold when the picture is encoded anew.",
    }
    return doubts.get(view.doubt or Doubt.BAND, "the model's score lies where it takes no side.")


def _printable(name: str) -> str:
    kept = "".join(char if char.isprintable() else " " for char in name)
    short = " ".join(kept.split())
    return short if len(short) <= _MAX_NAME_LENGTH else short[: _MAX_NAME_LENGTH - 1] + "…"
