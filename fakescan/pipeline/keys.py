"""What an answer and what a whole row depend on, as digests: equal keys, equal rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakescan.core.environment import decoder_of, environment
from fakescan.core.options import Decode, Reasoning, ScanOptions
from fakescan.core.schema import calibration_to_dict
from fakescan.protocols import Engine
from fakescan.store.journal import run_key
from fakescan.version import __version__

_PIXELS = "srgb"
"""How decoded pixels are brought to the model; another word where a change of that gives other answers."""
_PHASH = "of the first reduction"
"""How the perceptual hash is taken; another word where a change of that gives other hashes."""
_TEXT = "no run of three twice"
"""How a forced text is chosen; another word where a change of that gives other texts."""


def key_of(engine: Engine, options: ScanOptions) -> str:
    """The run's key: digest of everything, besides the file, that a prediction depends on.

    Args:
        engine: the loaded model.
        options: what was asked for.
    """
    model = engine.identity
    parts: dict[str, Any] = {
        "weights_sha256": model.weights_sha256 or f"{model.name} on {model.device}",
        "prompt_version": model.prompt_version,
        "dtype": model.dtype,
        "engine": model.engine,
        # Kinds of devices and versions of libraries round differently.
        "device": model.device.partition(":")[0],
        "libraries": {name: environment()[name] for name in ("torch", "transformers", "tokenizers")},
        "temperature": model.temperature,
        "decides": model.decides,
        # The text is steered to the side that the calibrated score takes.
        "calibration": calibration_to_dict(engine.calibration),
        "decoder": decoder_of(draft=options.draft),
        "pixels": _PIXELS,
        "text": _TEXT,
        "reasoning": options.reasoning,
        "score": options.score,
        "decode": options.decode,
    }
    # A row that holds a check is none for a scan that wants another one, or none.
    if options.stability:
        parts["stability"] = options.stability
    if options.audit:
        parts["audit"] = options.audit
    if options.decode is Decode.FREE:
        parts["seed"] = options.seed
    if options.reasoning is Reasoning.FLAGGED:
        # Which images are flagged, and so get text, depends on the verdict.
        parts["policy"], parts["threshold"] = options.policy, options.threshold
    return run_key(parts)


def row_key_of(key: str, options: ScanOptions, reading: Mapping[str, str]) -> str:
    """The rows' key: digest of everything, besides the file, that a whole row depends on.

    Args:
        key: the run's key.
        options: what was asked for.
        reading: what the reading of files depends on, by name.
    """
    # Not the platform, and not the digest of our code: "tool" stands for what a release changed.
    libraries = {name: version for name, version in environment().items() if name not in ("platform", "code_sha256")}
    verdict = {"policy": options.policy, "threshold": options.threshold, "score": options.score}
    return run_key(
        {"key": key, "tool": __version__, "libraries": libraries, "phash": _PHASH, "reading": dict(reading), **verdict}
    )
