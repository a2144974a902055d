"""Prediction + calibration + provenance → verdict: the table of REPORT.md section 1, and its four readings.

The model's number and the file's evidence never change each other. The table only looks up what may be said when
both are known; ``Cell`` is what stands in one of its boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fakescan.core import verdict_words
from fakescan.core.answer import concluded
from fakescan.core.calibration import calibration_of, probability, side
from fakescan.core.checked import Rescored, Steadiness, steadiness
from fakescan.core.model_view import Doubt, ModelSide, ModelView
from fakescan.core.provenance import AI_MARKS, Found, Provenance, provenance_of
from fakescan.core.records import (
    Assessed,
    Calibration,
    Evidence,
    ImageKind,
    Label,
    ModelIdentity,
    Prediction,
    ScoreKind,
    Scores,
    Stage,
    Verdict,
)


class Policy(StrEnum):
    """How model and provenance are weighed."""

    BALANCED = "balanced"
    MARKS = "marks"
    MODEL = "model"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Cell:
    """One box of the verdict table."""

    label: Label
    """The verdict."""
    basis: tuple[str, ...] = ()
    """What it rests on."""
    conflict: bool = False
    """Whether model and provenance contradict each other here."""


_MODEL = ("model",)
_FILE = ("provenance",)
_BOTH = ("provenance", "model")

TABLE: Mapping[Found, Mapping[ModelSide, Cell]] = {
    Found.NOTHING: {
        ModelSide.FAKE: Cell(Label.FAKE, _MODEL),
        ModelSide.INCONCLUSIVE: Cell(Label.INCONCLUSIVE, _MODEL),
        ModelSide.REAL: Cell(Label.REAL, _MODEL),
        ModelSide.OUT_OF_SCOPE: Cell(Label.INCONCLUSIVE),
    },
    Found.TRUSTED_AI: {
        ModelSide.FAKE: Cell(Label.FAKE, _BOTH),
        ModelSide.INCONCLUSIVE: Cell(Label.FAKE, _FILE),
        ModelSide.REAL: Cell(Label.FAKE, _FILE, conflict=True),
        ModelSide.OUT_OF_SCOPE: Cell(Label.FAKE, _FILE),
    },
    Found.TRUSTED_CAPTURE: {
        ModelSide.FAKE: Cell(Label.INCONCLUSIVE, _BOTH, conflict=True),
        ModelSide.INCONCLUSIVE: Cell(Label.REAL, _FILE),
        ModelSide.REAL: Cell(Label.REAL, _BOTH),
        ModelSide.OUT_OF_SCOPE: Cell(Label.REAL, _FILE),
    },
    Found.TRUSTED_EDIT: dict.fromkeys(ModelSide, Cell(Label.INCONCLUSIVE, _FILE)),
    Found.CLAIMED_AI: {
        ModelSide.FAKE: Cell(Label.FAKE, _BOTH),
        ModelSide.INCONCLUSIVE: Cell(Label.FAKE, _FILE),
        ModelSide.REAL: Cell(Label.INCONCLUSIVE, _BOTH, conflict=True),
        ModelSide.OUT_OF_SCOPE: Cell(Label.FAKE, _FILE),
    },
    Found.CLAIMED_EDIT: dict.fromkeys(ModelSide, Cell(Label.INCONCLUSIVE, _FILE)),
    # Camera fields are too easily copied to carry a verdict: here too it rests on the model.
    Found.CAMERA_FIELDS: {
        ModelSide.FAKE: Cell(Label.FAKE, _MODEL, conflict=True),
        ModelSide.INCONCLUSIVE: Cell(Label.INCONCLUSIVE, _MODEL),
        ModelSide.REAL: Cell(Label.REAL, _MODEL),
        ModelSide.OUT_OF_SCOPE: Cell(Label.INCONCLUSIVE),
    },
}
"""The default policy: what the file says, then what the model says."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything about a run that a verdict depends on; the same for every image of it."""

    model: ModelIdentity
    """Which model spoke: names the score that was measured better."""
    calibrations: Mapping[ScoreKind, Calibration]
    """Its calibration by score; empty when it has none."""
    policy: Policy = Policy.BALANCED
    """How model and provenance are weighed."""
    score: ScoreKind | None = None
    """The score that decides, or None for what the model's card says."""
    threshold: float | None = None
    """The user's threshold, or None for the calibrated one."""

    def assess(
        self,
        prediction: Prediction,
        evidence: Sequence[Evidence],
        kind: ImageKind | None,
        stability: Sequence[Rescored] = (),
    ) -> Assessed:
        """The verdict on one image.

        Args:
            prediction: what the model said.
            evidence: what the file says.
            kind: what sort of picture it is, or None when unknown.
            stability: the picture under other encodings, as ``rescored`` gives them.
        """
        view = self.view(prediction, kind, stability)
        provenance = provenance_of(evidence)
        cell = look_up(self.policy, provenance, view.side)
        basis = tuple(part for part in cell.basis if part != "model" or view.p_fake is not None)
        headline, reasons = verdict_words.explain(
            label=cell.label,
            basis=basis,
            conflict=cell.conflict,
            provenance=provenance,
            view=view,
            policy=self.policy.value,
            balanced=look_up(Policy.BALANCED, provenance, view.side).label,
        )
        verdict = Verdict(cell.label, view.p_fake, view.calibration.threshold, basis, reasons, headline)
        return Assessed(prediction, view.scores, verdict)

    def rescored(self, encoding: str, p_fake: float) -> Rescored:
        """A number of another encoding with the label that it alone would give today.

        Args:
            encoding: what was done to the picture, in words.
            p_fake: P(fake) before any text.
        """
        return Rescored(encoding, p_fake, side(p_fake, self.scale(ScoreKind.BEFORE)))

    def triaged(self, prediction: Prediction) -> float | None:
        """P(fake) before any text, or None when it was not computed.

        Args:
            prediction: what the model said.
        """
        return probability(prediction.before, self.scale(ScoreKind.BEFORE))

    def scale(self, which: ScoreKind) -> Calibration:
        """How a score becomes a probability and a label in this run.

        Args:
            which: the score.
        """
        return calibration_of(which, self.calibrations, self.model.temperature, self.threshold)

    def view(self, prediction: Prediction, kind: ImageKind | None, stability: Sequence[Rescored] = ()) -> ModelView:
        """The model's side of the table: which score decides, and what it says.

        Args:
            prediction: what the model said.
            kind: what sort of picture it is, or None when unknown.
            stability: the picture under other encodings.
        """
        scaled = {which: self.scale(which) for which in ScoreKind}
        values = {
            ScoreKind.BEFORE: probability(prediction.before, scaled[ScoreKind.BEFORE]),
            ScoreKind.AFTER: probability(prediction.after, scaled[ScoreKind.AFTER]),
        }
        wanted = self.score or self.model.decides
        other = ScoreKind.AFTER if wanted is ScoreKind.BEFORE else ScoreKind.BEFORE
        used = other if values[wanted] is None and values[other] is not None else wanted
        calibration, p_fake = scaled[used], values[used]
        taken, doubt = _side_of_model(p_fake, calibration, prediction, in_scope=_in_scope(kind, calibration))
        steady = self._steadiness(values[ScoreKind.BEFORE], scaled[ScoreKind.BEFORE], stability)
        if steady and steady.flips and doubt is None:
            taken, doubt = ModelSide.INCONCLUSIVE, Doubt.UNSTEADY
        return ModelView(
            side=taken,
            doubt=doubt,
            p_fake=p_fake,
            calibration=calibration,
            calibrated=used in self.calibrations,
            scores=Scores(values[ScoreKind.BEFORE], values[ScoreKind.AFTER], used),
            wanted=wanted,
            kind=kind,
            steadiness=steady,
        )

    def _steadiness(
        self, p_before: float | None, scale: Calibration, stability: Sequence[Rescored]
    ) -> Steadiness | None:
        """Labels are told anew: a threshold may have changed since an earlier run that is gone on with."""
        if p_before is None:
            return None
        told = [self.rescored(item.encoding, item.p_fake) for item in stability]
        return steadiness(side(p_before, scale), p_before, told)


def look_up(policy: Policy, provenance: Provenance, model_side: ModelSide) -> Cell:
    """The box of the table that applies under a policy.

    Args:
        policy: how model and provenance are weighed.
        provenance: what the file says.
        model_side: what the model says.
    """
    cell = TABLE[provenance.row][model_side]
    if policy is Policy.MODEL:
        alone = TABLE[Found.NOTHING][model_side]
        return Cell(alone.label, alone.basis, cell.conflict)
    if policy is Policy.MARKS and any(mark in provenance.found for mark in AI_MARKS):
        basis = _BOTH if model_side is ModelSide.FAKE else _FILE
        return Cell(Label.FAKE, basis, conflict=cell.conflict)
    if provenance.trusted_contradiction:
        return Cell(Label.INCONCLUSIVE, _FILE, cell.conflict)
    if policy is Policy.STRICT and (cell.conflict or provenance.contradictions):
        return Cell(Label.INCONCLUSIVE, _BOTH if cell.conflict else _FILE, cell.conflict)
    return cell


def text_side(prediction: Prediction) -> Label | None:
    """The side that text of the model's own free will concludes; None for steered text, no text, or neither side.

    Args:
        prediction: what the model said.
    """
    if prediction.steered_to is not None:
        return None
    texts = {stage.stage: stage.text for stage in prediction.stages}
    return concluded(texts.get(Stage.CONCLUSION, "")) or concluded(texts.get(Stage.REASONING, ""))


def _side_of_model(
    p_fake: float | None, calibration: Calibration, prediction: Prediction, *, in_scope: bool
) -> tuple[ModelSide, Doubt | None]:
    if not in_scope:
        return ModelSide.OUT_OF_SCOPE, Doubt.SCOPE
    if p_fake is None:
        return ModelSide.INCONCLUSIVE, Doubt.NO_SCORE
    taken = side(p_fake, calibration)
    if taken is Label.INCONCLUSIVE:
        return ModelSide.INCONCLUSIVE, Doubt.BAND
    if text_side(prediction) not in (None, taken):
        return ModelSide.INCONCLUSIVE, Doubt.TEXT
    return ModelSide(taken.value), None


def _in_scope(kind: ImageKind | None, calibration: Calibration) -> bool:
    """Whether error rates for this kind of picture were measured, as far as the calibration says by kind."""
    if kind is None:
        return True
    if calibration.by_kind:
        return kind.value in calibration.by_kind
    return kind is not ImageKind.TINY
