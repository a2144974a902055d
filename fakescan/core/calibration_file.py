"""The file of ``fakescan calibrate``: a threshold of the user's own, with its promise, bound to one model.

It holds for one model (by the digest of its weights), one prompt version, number format, decoder and score. For
anything else it is refused: a threshold that another model's numbers are held against promises nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fakescan.core.environment import decoder_of
from fakescan.core.json_values import Node, ReportShapeError
from fakescan.core.records import Calibration, ScoreKind
from fakescan.core.schema import calibration_from_dict, calibration_to_dict, parse_json
from fakescan.errors import ConfigError, InputError

VERSION = "1"
"""Of the file (``fakescan_calibration``)."""
_HINT = "give a file that `fakescan calibrate` wrote"
_AGAIN = "calibrate again with this model and these settings, or leave --calibration out"
_MAX_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Binding:
    """What a calibration holds for."""

    weights_sha256: str
    """Digest of the model's weights."""
    prompt_version: str
    """Version of question, tags and preprocessing."""
    dtype: str
    """Number format that the model ran in."""
    decoder: str
    """Version of the library that decodes pictures, and whether JPEGs were decoded at a reduced size."""
    score: ScoreKind
    """The score that decides."""
    decode: str
    """How text is written where the score is the one after it; empty where it does not matter."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A bound on how often real photographs are called AI-generated."""

    risk: float
    """At most this share of them, in (0, 1)."""
    confidence: float
    """So sure is that, in (0, 1): the share of calibrations for which it holds."""
    photographs: int
    """Real photographs that it rests on, near-duplicates counted once."""
    called_fake: int
    """How many of them reach the threshold."""
    copies: int = 0
    """Near-duplicates that were not counted."""
    fakes: int = 0
    """AI-generated images that temperature and band were fitted on; 0 when they are the model's own."""
    folder: str = ""
    """Name of the folder."""


@dataclass(frozen=True, slots=True)
class OwnCalibration:
    """The file, typed."""

    binding: Binding
    """What it holds for."""
    model_name: str
    """The model's name, for people."""
    promise: Promise
    """What it promises."""
    record: Calibration
    """The calibration of the deciding score."""
    made_at: datetime
    """When it was fitted, UTC."""
    tool_version: str
    """fakescan's version."""


def binding_of(
    weights_sha256: str, prompt_version: str, dtype: str, score: ScoreKind, decode: str, *, draft: bool = False
) -> Binding:
    """What a calibration of such a run holds for.

    Args:
        weights_sha256: digest of the model's weights.
        prompt_version: of the model.
        dtype: number format that it runs in.
        score: the score that decides.
        decode: how text is written.
        draft: whether JPEGs are decoded at a reduced size.
    """
    # No text comes before the first score, so that how it would be written cannot matter.
    written = decode if score is ScoreKind.AFTER else ""
    return Binding(weights_sha256, prompt_version, dtype, decoder_of(draft=draft), score, written)


def percent(share: float) -> str:
    """A share in percent without needless zeros: ``5 %``, ``0.5 %``."""
    return f"{100 * share:.4g} %"


def sentence(promise: Promise, threshold: float) -> str:
    """The promise in plain words.

    Args:
        promise: what is promised.
        threshold: from which score on an image is called AI-generated.
    """
    return f"Calibrated on {phrase(promise, threshold)}."


def phrase(promise: Promise, threshold: float) -> str:
    """What follows "calibrated on" in reports.

    Args:
        promise: what is promised.
        threshold: from which score on an image is called AI-generated.
    """
    return (
        f"{promise.photographs:,} of your own photographs: with {percent(promise.confidence)} confidence, at most "
        f"{percent(promise.risk)} of real photographs like these reach the threshold {threshold:.6f}"
    )


def own_to_json(own: OwnCalibration) -> str:
    """The file's text."""
    document = {
        "fakescan_calibration": VERSION,
        "tool_version": own.tool_version,
        "made_at": own.made_at.isoformat(timespec="seconds"),
        "model": {"name": own.model_name, **asdict(own.binding)},
        "promise": {**asdict(own.promise), "in_words": sentence(own.promise, own.record.threshold)},
        "calibration": calibration_to_dict({own.binding.score: own.record}),
    }
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def own_from_json(text: str) -> OwnCalibration:
    """Read the file's text.

    Raises:
        InputError: it is no calibration of this version, or a number in it is out of range.
    """
    document = parse_json(text)
    try:
        return _own(Node(document, ""), document)
    except ReportShapeError as fault:
        raise InputError(f"not a calibration: {fault}", _HINT) from None


def read_own(place: Path) -> OwnCalibration:
    """Read the file.

    Raises:
        InputError: it cannot be read, or is no calibration.
    """
    name = ascii(str(place))[1:-1]
    try:
        if place.stat().st_size > _MAX_BYTES:
            raise InputError(f"{name} is too large for a calibration", _HINT)
        text = place.read_text("utf-8")
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise InputError(f"cannot read the calibration {name}: {reason}", _HINT) from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is no calibration", _HINT) from None
    try:
        return own_from_json(text)
    except InputError as fault:
        raise InputError(f"{name}: {fault.message}", fault.hint) from None


def applied(
    own: OwnCalibration, wanted: Binding, shipped: Mapping[ScoreKind, Calibration]
) -> dict[ScoreKind, Calibration]:
    """The records of a model with the deciding one replaced.

    Args:
        own: the user's calibration.
        wanted: the model at hand, and how it is run.
        shipped: the model's own records.

    Raises:
        ConfigError: the calibration was fitted with something else; everything that differs is named.
    """
    names = {
        "weights_sha256": "other weights", "prompt_version": "another prompt version", "dtype": "another number format",
        "decoder": "another version of the decoder (Pillow), or --draft", "score": "another deciding score",
        "decode": "another way of writing text",
    }  # fmt: skip
    faults = [
        f"the calibration was fitted with {words}: {_short(old)}, not {_short(new)}"
        for name, words in names.items()
        if (old := str(getattr(own.binding, name))) != (new := str(getattr(wanted, name)))
    ]
    if faults:
        raise ConfigError(faults, _AGAIN)
    return {**shipped, own.binding.score: own.record}


def _short(value: str) -> str:
    return ascii(value[:16])[1:-1] or "none"


def _own(node: Node, document: Mapping[str, Any]) -> OwnCalibration:
    version = node["fakescan_calibration"].text()
    if version != VERSION:
        raise ReportShapeError(f"fakescan_calibration {version[:20]!r} is not {VERSION!r}")
    about, promised = node["model"], node["promise"]
    score = about["score"].choice(ScoreKind)
    texts = {name: about[name].text() for name in ("weights_sha256", "prompt_version", "dtype", "decoder", "decode")}
    promise = Promise(
        promised["risk"].number(), promised["confidence"].number(), promised["photographs"].integer(),
        promised["called_fake"].integer(), promised["copies"].integer(default=0), promised["fakes"].integer(default=0),
        promised["folder"].optional_text() or "",
    )  # fmt: skip
    if not (0 < promise.risk < 1 and 0 < promise.confidence < 1 and promise.photographs > 0):
        raise ReportShapeError("promise is out of range")
    records = calibration_from_dict(document["calibration"])
    if set(records) != {score}:
        raise ReportShapeError("calibration must hold one record, of the deciding score")
    record = records[score]
    low, high = record.inconclusive_band
    if not (record.temperature > 0 and 0 <= low <= record.threshold <= high <= 1):
        raise ReportShapeError("calibration is out of range")
    return OwnCalibration(
        Binding(**texts, score=score), about["name"].text(), promise, record, node["made_at"].time(),
        node["tool_version"].text(),
    )  # fmt: skip
