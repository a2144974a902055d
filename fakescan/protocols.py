"""The seams of a scan: who runs the model, who reads evidence, who watches, who writes reports.

Nothing here imports torch, Pillow or a terminal; implementations are found through the tables of their rooms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TextIO, runtime_checkable

from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import Calibration, Evidence, Failure, ModelIdentity, Prediction, Scan, ScoreKind, SourceFile
from fakescan.core.views import Views


class RgbImage(Protocol):
    """What an engine needs of a decoded picture: a Pillow image in mode RGB, orientation applied."""

    @property
    def image(self) -> object:
        """The ``PIL.Image.Image`` in mode RGB: the whole picture, or its views one under the other."""

    @property
    def views(self) -> Views | None:
        """The views that ``image`` consists of; None: it is the whole picture."""

    @property
    def sha256(self) -> str:
        """Digest of the file it came from (seeds sampling, so that a row does not depend on its batch)."""


class KnownModel(Protocol):
    """What a report says of a model, wherever that runs."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model, and how it is run.

        Answers are kept across runs under the digest of its weights; an empty one says that nobody knows them, and
        nothing is kept.
        """

    @property
    def calibration(self) -> Mapping[ScoreKind, Calibration]:
        """The checkpoint's calibration by score; empty when it has none."""


@runtime_checkable
class Engine(KnownModel, Protocol):
    """Images in order to outcomes in the same order."""

    @property
    def batch_size(self) -> int:
        """How many images the engine wants at once."""

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """Assess images; the outcome at index i belongs to the image at index i.

        Args:
            images: at most ``batch_size`` of them.
            reasoning: whether to write text; without it only the score before any text is computed.

        Raises:
            ModelError: when the fault would spoil every image.
        """


@runtime_checkable
class SeesViews(Protocol):
    """An engine that looks at fixed views of a picture: it may be given those instead of the whole picture."""

    @property
    def views(self) -> Views:
        """The views."""


@runtime_checkable
class ReadsAgain(Protocol):
    """An engine that can be given an answer to read again: without it an audit measures the picture's side only."""

    def reread(self, images: Sequence[RgbImage], texts: Sequence[GivenText]) -> list[Reread | Failure]:
        """Both scores and the likelihood of each sentence, with the text given instead of written.

        Args:
            images: at most ``batch_size`` of them.
            texts: one for each.

        Raises:
            ModelError: when the fault would spoil every image.
        """


@runtime_checkable
class Draws(Protocol):
    """An engine whose text can be drawn anew: without it there are no rounds to compare."""

    def draw(self, seed: int, temperature: float) -> None:
        """From now on, draw text with this seed and temperature.

        Args:
            seed: any.
            temperature: above 0.
        """


class EvidenceReader(Protocol):
    """Reads one sort of evidence from a file's bytes."""

    @property
    def name(self) -> str:
        """Name in the readers' table."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """What the file says. Never raises: a fault becomes evidence with status ``FAILED``."""


class Decodes(EvidenceReader, Protocol):
    """A reader of evidence that may have decoded the picture on the way: nobody need do it again."""

    @property
    def picture(self) -> object:
        """The opened ``PIL.Image.Image`` that the last ``read`` has loaded in full and left unchanged, or None."""


class ReportRenderer(Protocol):
    """Writes a finished scan in one format."""

    @property
    def suffix(self) -> str:
        """File suffix with its dot."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report to a text stream."""


@runtime_checkable
class FileRenderer(Protocol):
    """A renderer that writes more than one text: a folder beside it, or bytes."""

    def write(self, scan: Scan, target: Path) -> None:
        """Write the report to its place, whole or not at all.

        Raises:
            ReportError: when it cannot be written.
        """
