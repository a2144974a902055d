"""Recipes from TOML files, typed, checked as a whole before anything is loaded: every fault is reported at once."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fakescan.engines import EMBEDDED, model_folder
from fakescan.errors import ConfigError
from fakescan.model.prompt import TEMPLATES
from fakescan_trainer.ablations import ablated
from fakescan_trainer.config import CLOSED_FORM, ModelConfig, TrainConfig


def load_config(path: Path, overrides: Sequence[str] = (), *, ablation: str | None = None) -> TrainConfig:
    """Read a recipe and apply ``section.key=value`` overrides (values in TOML syntax; bare words are strings).

    Args:
        path: of the recipe.
        overrides: changes, in their order.
        ablation: what to leave out after that; one of ``ABLATIONS``.

    Raises:
        ConfigError: every fault of the file and of the overrides.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError([f"{path}: {reason}"], "see the recipes shipped with fakescan_trainer") from error
    faults: list[str] = []
    for item in overrides:
        _override(data, item, faults)
    config = build(TrainConfig, data, "", faults)
    if config is not None:
        config = ablated(config, ablation) if ablation else config
        faults += contradictions(config)
    if faults or config is None:
        raise ConfigError(faults, f"mend {path}")
    built: TrainConfig = config
    return dataclasses.replace(built, model=_embedded(built.model))


def _embedded(model: ModelConfig) -> ModelConfig:
    """With folders where the recipe names the embedded model."""
    if EMBEDDED not in (model.base, model.start) or Path(EMBEDDED).is_dir():
        return model
    folder = model_folder(None)
    base = str(folder / "base") if model.base == EMBEDDED else model.base
    start = str(folder) if model.start == EMBEDDED else model.start
    return dataclasses.replace(model, base=base, start=start)


def _override(data: dict[str, Any], item: str, faults: list[str]) -> None:
    name, equals, text = item.partition("=")
    if not equals or not name:
        faults.append(f"{item!r} is not of the form section.key=value")
        return
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, last = name.split(".")
    here: Any = data
    for section in sections:
        if isinstance(here, list):
            here = here[int(section)] if section.isdigit() and int(section) < len(here) else None
        else:
            here = here.setdefault(section, {})
        if not isinstance(here, (dict, list)):
            faults.append(f"{name}: there is no such section")
            return
    if isinstance(here, list):
        faults.append(f"{name}: name a field, as in stages.0.steps=10")
        return
    here[last] = value


def build(kind: Any, data: Any, where: str, faults: list[str]) -> Any:
    """A dataclass from a table; None when a fault makes it impossible."""
    if not isinstance(data, Mapping):
        faults.append(f"{where or 'recipe'}: must be a table")
        return None
    hints = get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}
    faults += [f"{where}{name}: unknown key" for name in data if name not in known]
    before, values = len(faults), {}
    for name, spec in known.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f"{where}{name}", faults)
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            faults.append(f"{where}{name}: missing")
    return kind(**values) if len(faults) == before else None


def _value(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    """A value of the hinted type; adds a fault and returns None when it is not one."""
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where + ".", faults)
    if origin is tuple:
        if not isinstance(value, list):
            faults.append(f"{where}: must be a list")
            return None
        item = get_args(hint)[0]
        return tuple(_value(item, entry, f"{where}[{i}]", faults) for i, entry in enumerate(value))
    if origin is Literal:
        if value not in get_args(hint):
            faults.append(f"{where}: {value!r} is not one of {', '.join(map(str, get_args(hint)))}")
        return value
    if origin in (Union, types.UnionType):
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        faults.append(f"{where}: {value!r} is not {'a number' if hint in (int, float) else hint.__name__}")
    return value


def contradictions(config: TrainConfig) -> list[str]:
    """What is well-formed but cannot be meant."""
    faults = []
    if not config.model.base:
        faults.append("model.base: missing")
    if not config.data.root:
        faults.append("data.root: missing")
    if config.model.template not in TEMPLATES:
        faults.append(f"model.template: {config.model.template!r} is not one of {', '.join(TEMPLATES)}")
    if config.model.projector_probe_units and config.model.projector_pooling == 1:
        faults.append("model.projector_probe_units: needs model.projector_pooling above 1")
    if config.data.features and (config.model.lora.vision_blocks or "vision" in config.model.train):
        faults.append("data.features: cached features cannot be used while the vision tower is trained")
    if config.data.fill and (len(config.data.features) != 1 or config.data.variants != (0,)):
        faults.append("data.fill: needs one folder in data.features, and plain pictures alone (data.variants=[0])")
    if "vision" in config.model.train and not config.model.lora.vision_blocks:
        faults.append("model.train: vision needs model.lora.vision_blocks")
    if not 0 <= config.data.caption_views <= len(config.model.views):
        faults.append("data.caption_views: from 0 (all) to the number of model.views")
    if config.model.quantise != "none" and not config.model.lora.rank:
        faults.append("model.quantise: without adapters (model.lora.rank) nothing of the language model is trained")
    if not config.stages:
        faults.append("stages: at least one is needed")
    if config.mapper.tau <= 0 or config.facl.temperature <= 0:
        faults.append("mapper.tau and facl.temperature must be above 0")
    if not 0 <= config.loss.label_smoothing < 0.5:
        faults.append("loss.label_smoothing: must be in [0, 0.5)")
    if not 0 <= config.loss.soft_targets <= 1:
        faults.append("loss.soft_targets: must be in [0, 1]")
    if all(stage.task != "probe" for stage in config.stages):
        if config.loss.soft_targets:
            faults.append("loss.soft_targets: needs a probe stage, whose out-of-fold probabilities they are")
        if config.data.out_of_fold:
            faults.append("data.out_of_fold: needs a probe stage, whose out-of-fold logits are shown")
    if not 0 <= config.data.steer <= 1:
        faults.append("data.steer: must be in [0, 1]")
    faults += _out_of_range(config)
    probed = kerneled = False
    for number, stage in enumerate(config.stages):
        where = f"stages[{number}] ({stage.name})"
        if stage.task == "joint" and not stage.full and not stage.short:
            faults.append(f"{where}: a joint stage needs full or short rows")
        if stage.task == "caption" and not stage.captions:
            faults.append(f"{where}: a caption stage needs captions, the rows a micro-batch")
        if stage.task in CLOSED_FORM and not config.data.features:
            faults.append(f"{where}: {stage.task} needs data.features")
        if stage.task in ("words", "kernel") and stage.weight_decay <= 0:
            faults.append(f"{where}: {stage.task} needs a weight_decay above 0, the penalty of its regression")
        if stage.task == "kernel" and not config.model.projector_probe_units:
            faults.append(f"{where}: kernel needs model.projector_probe_units above 0, where its detector goes")
        if stage.task == "kernel" and not (probed or config.model.start):
            faults.append(f"{where}: kernel needs a probe stage before it, or model.start: a model that reads a logit")
        if kerneled and (stage.read or (stage.task == "joint" and config.data.out_of_fold)):
            faults.append(
                f"{where}: read and data.out_of_fold follow the probe stage's detector: put kernel after such stages"
            )
        if stage.gamma <= 0 or stage.components < 1:
            faults.append(f"{where}: gamma must be above 0, components at least 1")
        if stage.accumulate < 1 or stage.steps < 0 or stage.epochs <= 0:
            faults.append(f"{where}: accumulate must be at least 1, steps at least 0, epochs above 0")
        if min(stage.full, stage.short, stage.captions) < 0:
            faults.append(f"{where}: full, short and captions are counts of rows, from 0 on")
        if stage.lr <= 0 or min(stage.lr_projector, stage.lr_scalars, stage.weight_decay) < 0:
            faults.append(f"{where}: lr must be above 0, lr_projector, lr_scalars and weight_decay at least 0")
        probed |= stage.task == "probe"
        kerneled |= stage.task == "kernel"
        if not 0 <= stage.read <= 1:
            faults.append(f"{where}: read is a share of the short rows, from 0 to 1")
        if stage.read and not (probed and config.data.out_of_fold):
            faults.append(f"{where}: read needs data.out_of_fold and a probe stage before it")
        if not 0 <= stage.warmup < 1:
            faults.append(f"{where}: warmup is a share of the steps, from 0 to below 1")
    if len({stage.name for stage in config.stages}) < len(config.stages):
        faults.append("stages: names must differ")
    return faults


_AT_LEAST = (
    ("model.projector_pooling", 1), ("model.projector_probe_units", 0), ("model.lora.rank", 0),
    ("data.max_text_tokens", 2), ("facl.queue", 0),
    ("loss.lm", 0), ("loss.facl", 0), ("loss.cpm", 0), ("loss.cpm_short", 0), ("loss.lm_short", 0),
    ("run.log_every", 1), ("run.eval_every", 0), ("run.eval_rows", 0), ("run.save_every", 0), ("run.threads", 0),
    ("run.seed", 0), ("run.max_grad_norm", 0),
)  # fmt: skip


def _out_of_range(config: TrainConfig) -> list[str]:
    faults = []
    for name, least in _AT_LEAST:
        value: Any = config
        for part in name.split("."):
            value = getattr(value, part)
        if value < least:
            faults.append(f"{name}: {value} is below {least}")
    if not config.model.views:
        faults.append("model.views: at least one is needed")
    if not 0 <= config.model.lora.dropout < 1:
        faults.append("model.lora.dropout: must be in [0, 1)")
    if not config.data.variants or min(config.data.variants) < 0:
        faults.append("data.variants: at least one, from 0 on")
    return faults
