"""The model's side of the verdict table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fakescan.core.checked import Steadiness
from fakescan.core.records import Calibration, ImageKind, ScoreKind, Scores


class ModelSide(StrEnum):
    """The columns of the verdict table."""

    FAKE = "fake"
    INCONCLUSIVE = "inconclusive"
    REAL = "real"
    OUT_OF_SCOPE = "out-of-scope"


class Doubt(StrEnum):
    """Why the model takes no side."""

    BAND = "band"
    """The probability lies in the inconclusive band."""
    NO_SCORE = "no-score"
    """No logits were read."""
    TEXT = "text"
    """Its own text, written freely, concludes the other side."""
    UNSTEADY = "unsteady"
    """Its side changes when the picture is encoded anew."""
    SCOPE = "scope"
    """The kind of picture is none that it was measured on."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """What the model says about one image, and how it may be put."""

    side: ModelSide
    """The column of the table."""
    doubt: Doubt | None
    """Why it takes no side; None when it takes one."""
    p_fake: float | None
    """The deciding probability, or None when there is none."""
    calibration: Calibration
    """How it was made."""
    calibrated: bool
    """Whether that is a measured record."""
    scores: Scores
    """Both probabilities, and which decided."""
    wanted: ScoreKind
    """Which should have decided."""
    kind: ImageKind | None
    """What sort of picture it is."""
    steadiness: Steadiness | None = None
    """What the picture's other encodings say; None when none was tried."""
