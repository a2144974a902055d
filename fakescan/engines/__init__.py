"""Who runs the model: one table, resolved on use, so that nothing here imports torch before a model is needed."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import replace
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fakescan.core.calibration_file import applied, binding_of, read_own
from fakescan.core.options import RAY, SERVER
from fakescan.core.records import ScoreKind
from fakescan.errors import ConfigError, ModelError
from fakescan.model import library

if TYPE_CHECKING:
    from fakescan.model.checkpoints.ours import LoadedModel
    from fakescan.protocols import Engine

ENGINES = {"slot": "fakescan.engines.slot:SlotEngine", "plain": "fakescan.engines.plain:PlainEngine"}
"""Name to ``module:Class``; third parties add entry points in ``fakescan.engines``."""

EMBEDDED = "nano"

_SERVER_BATCH = 8
"""Requests at once, where nothing is said."""


def model_folder(name: str | None) -> Path:
    """Where a model lies: the embedded one for None or ``nano``, else the folder of that name, or what was downloaded.

    Args:
        name: ``nano``, a folder, or the address of a downloaded model on the hub (``owner/name``).

    Raises:
        ModelError: there is no such folder; near misses are named.
    """
    if name is None or name == EMBEDDED:
        return Path(str(files("fakescan.model"))) / EMBEDDED
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if fetched := library.found(name):
        return fetched
    if library.is_hub_id(name):
        raise ModelError(f"{name} is no folder, and was not downloaded", f"fakescan model download {name}")
    near = f", did you mean {EMBEDDED}?" if difflib.get_close_matches(name, [EMBEDDED]) else ""
    raise ModelError(f"no model named {name!r}{near}", f"use {EMBEDDED} (the embedded model) or a model's folder")


def engine_class(name: str) -> Any:
    """The class behind a name; ``auto`` is the slot engine.

    Raises:
        ConfigError: the name is unknown.
    """
    table = ENGINES | {point.name: point.value for point in entry_points(group="fakescan.engines")}
    if name == "auto":
        name = "slot"
    if name not in table:
        near = difflib.get_close_matches(name, table)
        raise ConfigError(
            [f"engine: {name!r} is unknown"],
            f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(table))}",
        )
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def load(
    name: str = "auto",
    *,
    model: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int | None = None,
    score: ScoreKind | None = None,
    decode: str = "greedy",
    seed: int = 0,
    calibration: str | None = None,
    base_url: str | None = None,
    draft: bool = False,
) -> Engine:
    """Load a model and the engine that runs it.

    Args:
        name: engine's name in the table, or ``auto``.
        model: name or folder; None = the embedded model.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: auto, float32, bfloat16, float16, int8, int4 or fp8.
        batch_size: pictures that are written about at once; None = what fits.
        score: the score that decides; None = what the checkpoint says.
        decode: greedy, or free (nothing forced, temperature 0.2).
        seed: of drawn text.
        calibration: file of ``fakescan calibrate`` whose record goes before the checkpoint's; None = the checkpoint's.
        base_url: where the server's API starts; for the engine ``openai`` only, whose model is its name there.
        draft: whether JPEGs will be decoded at a reduced size: a calibration holds for one way of decoding.

    Raises:
        ModelError: the model is missing, damaged or unsuitable, or its server cannot be reached.
        ConfigError: device, format (or its library) or engine do not exist here, or the calibration was fitted with
            something else.
        InputError: the calibration cannot be read.
    """
    if name == SERVER:
        from fakescan.engines.openai import OpenAiEngine, ServerOptions

        server = ServerOptions(base_url or "", model, batch_size or _SERVER_BATCH, decode == "free", seed)
        return OpenAiEngine(server)
    if name == RAY:
        raise ConfigError([f"engine: {RAY} is no engine but many machines"], "only `fakescan scan` runs on a cluster")
    folder = model_folder(model)
    engine_type = engine_class(name)
    own = read_own(Path(calibration)) if calibration else None
    from fakescan.engines.base import BATCH_AUTO, EngineOptions
    from fakescan.engines.device import choose_placement
    from fakescan.model.checkpoints import load_any

    placement = choose_placement(device, dtype)
    loaded = load_any(folder, placement.dtype)
    if own is not None:
        info, decides = loaded.info, score or loaded.info.decides
        binding = binding_of(info.weights_sha256, info.prompt_id, placement.dtype_name, decides, decode, draft=draft)
        # In the checkpoint's own place, since the text is steered to the side that the calibrated score takes.
        loaded = replace(loaded, info=replace(info, calibration=applied(own, binding, info.calibration)))
    options = EngineOptions(batch_size or BATCH_AUTO, score or loaded.info.decides, decode == "free", seed)
    if name == "auto":
        engine_type = _suited(loaded)
    return cast("Engine", engine_type(loaded, placement, options))


def _suited(loaded: LoadedModel) -> Any:
    """The quickest engine that runs a model: the slot engine, or for a language model of another kind the plain one."""
    from fakescan.engines.lean import runs_lean

    return engine_class("slot" if runs_lean(loaded.llava.model.language_model) else "plain")
