"""The types of a scan: frozen, slotted, without behaviour that needs more than the standard library.

Direction is fixed once: label 1 = fake, ``p_fake`` near 1 = AI-generated. An image without a score is
``INCONCLUSIVE`` with ``p_fake=None`` and a reason, never 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakescan.core.checked import Claim, Rescored

SCHEMA_VERSION = "1"

PAPER_TEMPERATURE = 10.0
"""Temperature that the mapper starts from (paper Sec. 4.3)."""


class Stage(StrEnum):
    """The four stages of an answer, in order (paper Sec. 3.2)."""

    SUMMARY = "summary"
    CAPTION = "caption"
    REASONING = "reasoning"
    CONCLUSION = "conclusion"


class Label(StrEnum):
    """The class that a verdict names."""

    REAL = "real"
    FAKE = "fake"
    INCONCLUSIVE = "inconclusive"


class ScoreKind(StrEnum):
    """Which of the two probabilities: before any text ("triage") or after the model's own reasoning (the paper's)."""

    BEFORE = "before"
    AFTER = "after"


class Supports(StrEnum):
    """What a piece of evidence speaks for."""

    FAKE = "fake"
    EDITED = "edited"
    REAL = "real"
    NONE = "none"


class Strength(StrEnum):
    """How much a piece of evidence carries: ``TRUSTED`` needs a signature by a signer on the trust list."""

    CONTEXT = "context"
    WEAK = "weak"
    UNSIGNED = "unsigned"
    TRUSTED = "trusted"


class EvidenceStatus(StrEnum):
    """Whether a reader found its signal, ran without finding it, did not run, or failed."""

    FIRED = "fired"
    SILENT = "silent"
    NOT_RUN = "not_run"
    FAILED = "failed"


class ImageKind(StrEnum):
    """What sort of picture it is, so that error rates can be stated by kind."""

    PHOTO = "photo"
    ART = "art"
    SCREENSHOT = "screenshot"
    DOCUMENT = "document"
    COMPOSITE = "composite"
    UPSCALED = "upscaled"
    TINY = "tiny"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SourceFile:
    """A regular file that was found and read."""

    path: str
    """Path shown in reports: relative to the scan's root, POSIX separators, undecodable bytes as surrogate escapes."""
    size_bytes: int
    """Size on disk in bytes."""
    sha256: str
    """Digest of the file's bytes, lower-case hex."""
    media_type: str | None
    """IANA media type by signature (``image/jpeg``), or None when the signature is unknown."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A file and, when it could be decoded, the picture in it."""

    file: SourceFile
    """The file."""
    width_px: int | None = None
    """Width after the EXIF orientation was applied; None when it was not decoded."""
    height_px: int | None = None
    """Height after the EXIF orientation was applied; None when it was not decoded."""
    frame_count: int | None = None
    """Frames of an animation or pages; only the first is examined."""
    orientation: int | None = None
    """EXIF orientation 1-8 as stored in the file, None when absent."""
    kind: ImageKind | None = None
    """What sort of picture it is, by a heuristic (``intake/scope.py``)."""
    phash: str | None = None
    """Perceptual hash, 32 hex digits (``intake/duplicates.py``); None when not decoded, or too plain to have one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding of one reader. It never changes ``p_fake``; the verdict policy may use it, and says so."""

    reader: str
    """Which reader (``exif``, ``xmp``, ``c2pa``, ...)."""
    name: str
    """Name of the field or signal in the standard's own words (``Make``, ``DigitalSourceType``)."""
    value: str
    """What was found, as text. Untrusted: it comes from the file."""
    supports: Supports = Supports.NONE
    """What it speaks for."""
    strength: Strength = Strength.CONTEXT
    """How much it carries."""
    status: EvidenceStatus = EvidenceStatus.FIRED
    """Fired, silent, not run or failed."""
    note: str = ""
    """A sentence a journalist understands, without values from the file."""
    unit: str = ""
    """Unit of ``value`` where it is a quantity."""


@dataclass(frozen=True, slots=True)
class StageReasoning:
    """One stage of an answer, in the model's own words."""

    stage: Stage
    """Which stage."""
    text: str
    """Text between the tags, stripped. Empty when the stage is missing."""
    complete: bool
    """Whether both tags were there."""


@dataclass(frozen=True, slots=True)
class LogitPair:
    """The two logits at a classification index (paper Eq. 8)."""

    real: float
    """Logit of the token "real"."""
    fake: float
    """Logit of the token "fake"."""
    index: int | None
    """Position of the classification index: number of answer tokens before the real/fake token."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model said about one image."""

    before: LogitPair | None
    """Logits with the conclusion forced straight after the question; None when it was not computed."""
    after: LogitPair | None
    """Logits after the model's own reasoning; None when no text was asked for or no anchor was found."""
    stages: tuple[StageReasoning, ...] = ()
    """The four stages in order, or empty in triage."""
    steered_to: Label | None = None
    """The side that the text was asked to explain (REAL or FAKE), or None when the text was free."""
    tokens: int = 0
    """Number of tokens that the model chose itself."""
    elapsed_s: float = 0.0
    """Model time for this image: its share of the batch, in seconds."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How one score becomes a probability and a label (fitted on data that is named)."""

    temperature: float
    """p = sigmoid((z_fake - z_real) / temperature + bias). > 0."""
    bias: float
    """Added to the scaled logit difference."""
    threshold: float
    """At or above: called fake (unless inside the band). In [0, 1]."""
    inconclusive_band: tuple[float, float]
    """(low, high): low <= p < high is inconclusive; p >= high is fake, p < low is real. low <= threshold <= high."""
    fitted_on: str
    """What it was fitted on, in words with counts."""
    metrics: Mapping[str, float | int | str] = field(default_factory=dict)
    """Measured error rates of this score with this calibration, with the data's name."""
    by_kind: Mapping[str, Mapping[str, float | int | str]] = field(default_factory=dict)
    """The same by kind of image (``photo``, ``art``, ...), where there were enough images to measure."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence of a verdict's explanation, with its source."""

    source: str
    """``model``, ``file``, ``signature``, ``scan`` or ``policy``."""
    text: str
    """A short sentence. Never contains values from the file."""
    conflict: bool = False
    """Whether it names a contradiction; conflicts are shown first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The class of an image, with the number and the reasons behind it."""

    label: Label
    """Fake, real ("no sign of AI generation found") or inconclusive."""
    p_fake: float | None
    """The deciding probability in [0, 1], or None when there is none."""
    threshold: float
    """Threshold that was used."""
    basis: tuple[str, ...]
    """What it rests on: ``model``, ``provenance``, or both, or empty."""
    reasons: tuple[Reason, ...]
    """Strongest first, conflicts before all."""
    headline: str
    """The words for people (REPORT.md section 2)."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Both probabilities and which decided."""

    before_reasoning: float | None
    """Calibrated P(fake) before any text."""
    after_reasoning: float | None
    """Calibrated P(fake) after the model's own reasoning."""
    used: ScoreKind
    """The one that decided."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be assessed. Data, not an exception."""

    step: str
    """``read``, ``identify``, ``decode``, ``infer``."""
    code: str
    """Stable slug, e.g. ``empty-file``, ``truncated``, ``too-large``."""
    message: str
    """One line: what happened, where."""
    hint: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """A file that the model looked at."""

    prediction: Prediction
    """The model's answer."""
    scores: Scores
    """Both probabilities."""
    verdict: Verdict
    """The verdict."""


@dataclass(frozen=True, slots=True)
class ImageResult:
    """Everything known about one file."""

    record: ImageRecord
    """The file and its picture."""
    evidence: tuple[Evidence, ...]
    """What the file itself says."""
    outcome: Assessed | Failure
    """A verdict, or why there is none."""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step; not part of the deterministic bytes."""
    stability: tuple[Rescored, ...] = ()
    """The picture under other encodings; empty when that was not tried."""
    claims: tuple[Claim, ...] = ()
    """What the model's text claims, checked; empty when it was not."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that was met and left alone."""

    path: str
    """As in ``SourceFile.path``."""
    reason: str
    """Why, in words."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model spoke, and how it was run."""

    name: str
    """Name on the model card, or the folder's or hub's name."""
    base_model: str
    """The base it was trained from."""
    adapter: str | None
    """The adapter's name, None when merged."""
    weights_sha256: str
    """Digest over the weight files' digests."""
    prompt_version: str
    """Version of question, tags, templates and preprocessing."""
    dtype: str
    """``float32``, ``float16``, ``bfloat16``, ``int8`` (the quick form of CPUs), or weights and activations, such as
    ``int4+bfloat16``."""
    device: str
    """``cpu``, ``cuda:0``, ``mps``."""
    engine: str
    """Name in the engines' table."""
    decides: ScoreKind = ScoreKind.BEFORE
    """Which score the checkpoint's card says was measured better."""
    card: Mapping[str, str] = field(default_factory=dict)
    """Short facts of the model card for the report (trained on, limits)."""
    temperature: float = PAPER_TEMPERATURE
    """Temperature of the checkpoint's mapper: scales a score that has no calibration record."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the scan belongs to, as whoever ran it or wrote its report said. Nobody has checked it."""

    id: str = ""
    """Number or name of the case, possibly empty."""
    examiner: str = ""
    """Who examined, possibly empty."""
    note: str = ""
    """Anything that should stand on the report, possibly empty."""

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return bool(self.id or self.examiner or self.note)


@dataclass(frozen=True, slots=True)
class Scan:
    """A finished scan; everything a renderer may look at."""

    schema_version: str
    """Version of the JSON form."""
    tool_version: str
    """fakescan's version."""
    scan_id: str
    """Random id of the run."""
    root: str
    """Folder that paths are relative to."""
    command: str
    """The command as typed, or ``python`` for the API."""
    started_at: datetime
    """UTC."""
    finished_at: datetime
    """UTC."""
    options: Mapping[str, object]
    """The resolved options."""
    environment: Mapping[str, str]
    """Versions of python, torch, transformers, pillow, and the platform."""
    model: ModelIdentity | None
    """None when no model was loaded because nothing could be decoded."""
    calibration: Mapping[ScoreKind, Calibration]
    """One record a score; empty when the checkpoint has none."""
    results: Sequence[ImageResult]
    """Ordered by path: a tuple, or read from disk one by one (``store/kept.py``)."""
    skipped: tuple[Skipped, ...]
    """Ordered by path."""
    interrupted: bool = False
    """Whether the run was stopped before its end."""
    case: Case = Case()
    """Case, examiner and note."""
    redacted: tuple[str, ...] = ()
    """What was taken out before sharing (``desk/redact.py``), by name; empty for the record as the run made it."""
    from_cache: tuple[str, ...] = ()
    """Digests of the files whose answer was not computed in this run but taken from the cache of earlier ones."""

    @property
    def summary(self) -> dict[str, int]:
        """Counts: images = fake + real + inconclusive + error = len(results); skipped beside it."""
        counts = {"images": len(self.results), "fake": 0, "real": 0, "inconclusive": 0, "error": 0}
        # Results on disk tell their labels without being read.
        told: Callable[[], Iterable[Label | None]] | None = getattr(self.results, "labels", None)
        for label in map(_label_of, self.results) if told is None else told():
            counts["error" if label is None else label.value] += 1
        return {**counts, "skipped": len(self.skipped)}


def _label_of(result: ImageResult) -> Label | None:
    return None if isinstance(result.outcome, Failure) else result.outcome.verdict.label
