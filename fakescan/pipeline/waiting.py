"""What is on its way to a result: files that wait, and pictures for the model with every file that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fakescan.core.checked import Claim, Rescored
from fakescan.core.records import Assessed, Evidence, Failure, ImageRecord, ImageResult, Prediction
from fakescan.intake.decode import DecodedImage
from fakescan.intake.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file on its way to a result; holds no picture."""

    record: ImageRecord
    """The file and its picture."""
    evidence: tuple[Evidence, ...]
    """What the file says of itself."""
    timings_s: Mapping[str, float]
    """Seconds by step so far."""

    def result(
        self, outcome: Assessed | Failure, stability: tuple[Rescored, ...] = (), claims: tuple[Claim, ...] = ()
    ) -> ImageResult:
        """Everything known about the file.

        Args:
            outcome: the verdict, or why there is none.
            stability: its picture under other encodings.
            claims: the model's sentences, checked.
        """
        return ImageResult(self.record, self.evidence, outcome, self.timings_s, stability, claims)


@dataclass(slots=True)
class Group:
    """A picture for the model, and every file that holds the same bytes."""

    image: DecodedImage
    """The picture."""
    files: list[Waiting]
    """The files, the first one first."""
    triage: Prediction | None = None
    """What the first look gave, where a second one follows."""
    prepared: Prepared | None = None
    """What checks need of the whole picture."""
    stability: tuple[Rescored, ...] = ()
    """The picture under other encodings, once they are scored."""
    claims: tuple[Claim, ...] = ()
    """The model's sentences, once they are checked."""
    checks_s: dict[str, float] = field(default_factory=dict)
    """Seconds that checks took."""


def pixels_of(image: DecodedImage | None) -> int:
    """How many pixels are held of a picture; 0 when there is none.

    Args:
        image: the picture.
    """
    return 0 if image is None else image.image.width * image.image.height


def pixels_waiting(groups: Iterable[Group]) -> int:
    """How many pixels are held of all of them, other encodings included.

    Args:
        groups: pictures that wait.
    """
    total = 0
    for group in groups:
        others = group.prepared.others if group.prepared else ()
        total += pixels_of(group.image) + sum(pixels_of(other) for _, other in others)
    return total
