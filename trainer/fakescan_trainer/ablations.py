"""The paper's ablations (Tables 4, 5 and 6) as changes of any recipe: what is left out, everything else the same.

But for a kernel stage, which all of them leave out: a detector that is fitted at the end, the same in every row, would
hide what the losses do to the score.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import replace

from fakescan.errors import ConfigError
from fakescan_trainer.config import Trainable, TrainConfig


def _no_reasoning(config: TrainConfig) -> TrainConfig:
    # The same number of rows a batch, with the conclusion alone; without texts there is nothing to align images with.
    stages = [
        replace(stage, full=0, short=stage.full + stage.short) if stage.task == "joint" else stage
        for stage in config.stages
    ]
    return replace(config, stages=tuple(stages), loss=replace(config.loss, facl=0.0))


def _no_facl(config: TrainConfig) -> TrainConfig:
    return replace(config, loss=replace(config.loss, facl=0.0))


def _no_cpm(config: TrainConfig) -> TrainConfig:
    return replace(config, loss=replace(config.loss, cpm=0.0, cpm_short=0.0))


def _only(part: Trainable) -> Callable[[TrainConfig], TrainConfig]:
    def change(config: TrainConfig) -> TrainConfig:
        stages = [replace(stage, train=()) if stage.task == "joint" else stage for stage in config.stages]
        return replace(config, stages=tuple(stages), model=replace(config.model, train=(part,)))

    return change


ABLATIONS: dict[str, Callable[[TrainConfig], TrainConfig]] = {
    "no-reasoning": _no_reasoning,
    "no-cot": lambda config: replace(config, data=replace(config.data, chain=False)),
    "no-facl": _no_facl,
    "no-cpm": _no_cpm,
    "lm-only": lambda config: _no_cpm(_no_facl(config)),
    "projector-only": _only("projector"),
    "language-only": _only("language"),
    "leak": lambda config: replace(config, data=replace(config.data, leak=True)),
    "no-leak": lambda config: replace(config, data=replace(config.data, leak=False)),
}
"""Table 4: no-reasoning, no-cot. Table 5: no-facl, no-cpm, lm-only. Table 6: projector-only, language-only. Not in the
paper: leak, no-leak, the sentence in REASONING that decides before the conclusion does. The tables' remaining rows are
the recipe itself and, in Table 4, its base, which is not trained."""


def _without_kernel(config: TrainConfig) -> TrainConfig:
    stages = tuple(stage for stage in config.stages if stage.task != "kernel")
    if len(stages) == len(config.stages) or config.model.start:  # a start's projector has the probe that it has
        return replace(config, stages=stages)
    return replace(config, stages=stages, model=replace(config.model, projector_probe_units=0))


def ablated(config: TrainConfig, name: str) -> TrainConfig:
    """A recipe with something and the kernel stage left out, in a folder of its own: the recipe's, a hyphen, the name.

    Args:
        config: the whole recipe.
        name: one of ``ABLATIONS``.

    Raises:
        ConfigError: there is no ablation of that name.
    """
    if name not in ABLATIONS:
        near = difflib.get_close_matches(name, ABLATIONS)
        raise ConfigError(
            [f"--ablation: {name!r} is unknown"],
            f"did you mean {near[0]}?" if near else f"there are: {', '.join(ABLATIONS)}",
        )
    changed = ABLATIONS[name](_without_kernel(config))
    return replace(changed, run=replace(changed.run, out=f"{changed.run.out}-{name}"))
