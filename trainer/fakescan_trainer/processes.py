"""Several processes of one run: what they exchange, what only one of them does.

Process p of P takes micro-batch ``number * P + p``, so that P processes see in one step what a single one sees with P
times the accumulation, and take the same step. That holds for the queues of the contrast too: a process sees what the
processes before it bring in the same turn, as if they had come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, DistributedType

from fakescan.engines.device import bfloat16_works_on_cpu
from fakescan.errors import ConfigError
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.network import ForensicNetwork

_SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


def make_accelerator(config: TrainConfig) -> Accelerator:
    """The accelerator of a recipe; how many processes there are is whoever launched them's to say.

    Raises:
        ConfigError: the precision does not run here, or the recipe cannot be sharded.
    """
    precision = config.run.precision
    # A step runs rows of several kinds, and no kind uses every parameter. The queues are kept equal by hand.
    wrapping = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
    try:
        accelerator = Accelerator(mixed_precision=precision, kwargs_handlers=[wrapping])
    except ValueError as error:
        raise ConfigError([f"run.precision: {precision} does not run here: {error}"], "run.precision=no") from error
    if precision == "bf16" and accelerator.device.type == "cpu" and not bfloat16_works_on_cpu():
        # On some machines that advertise it, it kills the process.
        raise ConfigError(["run.precision: bf16 does not run on this CPU"], "run.precision=no is float32")
    if is_sharded(accelerator):
        stepping = [stage for stage in config.stages if stage.task in ("caption", "joint")]
        if len(stepping) != 1 or len(stepping) != len(config.stages):
            raise ConfigError(
                ["stages: a sharded model is trained in one stage of steps"],
                "train stage by stage, or without sharding",
            )
    return accelerator


def is_sharded(accelerator: Accelerator) -> bool:
    """Whether no process holds the whole model (FSDP, DeepSpeed)."""
    return accelerator.distributed_type in _SHARDED


def prepare(
    accelerator: Accelerator, network: ForensicNetwork, optimizer: torch.optim.Optimizer, passes: int, rows: int
) -> tuple[Any, Any]:
    """Wrap network and optimizer for the processes there are.

    Args:
        accelerator: of the run.
        network: what is trained.
        optimizer: over its parameters.
        passes: backward passes of one process in an optimizer step.
        rows: the most rows of a pass, for DeepSpeed's own book-keeping.
    """
    accelerator.free_memory()  # a stage before this one
    accelerator.gradient_accumulation_steps = passes
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        accelerator.state.deepspeed_plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = rows
    if accelerator.distributed_type == DistributedType.FSDP:
        # Single numbers cannot be cut into pieces; ``reduce_scalars`` does for them what sharding does for the rest.
        accelerator.state.fsdp_plugin.ignored_modules = [network.mapper, network.contrast]
    if accelerator.num_processes > 1:
        network.contrast.exchange = accelerator.gather
        network.contrast.place = accelerator.process_index
    wrapped, stepped = accelerator.prepare(network, optimizer)
    return wrapped, stepped


def reduce_scalars(accelerator: Accelerator, network: ForensicNetwork) -> None:
    """Mean gradient of tau and the contrastive temperature over the processes, where sharding leaves them out."""
    if accelerator.distributed_type == DistributedType.FSDP:
        for parameter in (network.mapper.log_tau, network.contrast.log_temperature):
            if parameter.grad is not None:
                parameter.grad = accelerator.reduce(parameter.grad, "mean")


def mean_terms(accelerator: Accelerator, terms: Mapping[str, float]) -> dict[str, float]:
    """Each term's mean over the processes, all of which have the same terms."""
    if accelerator.num_processes == 1:
        return dict(terms)
    values = torch.tensor(list(terms.values()), dtype=torch.float64, device=accelerator.device)
    reduced = accelerator.reduce(values, "mean")
    return dict(zip(terms, map(float, reduced), strict=True))


def any_wants(accelerator: Accelerator, wanted: bool) -> bool:
    """Whether one of the processes wants something that all must do together."""
    if accelerator.num_processes == 1:
        return wanted
    return bool(accelerator.reduce(torch.tensor(float(wanted), device=accelerator.device), "sum") > 0)


def whole_state(accelerator: Accelerator, network: ForensicNetwork, wrapped: Any) -> dict[str, torch.Tensor]:
    """Weights of the whole network by its own names; where it is sharded, all processes must call this together.

    Args:
        accelerator: of the run.
        network: what is trained.
        wrapped: what ``prepare`` made of it, or None outside of a stage.
    """
    from torch.distributed.tensor import DTensor

    inside = wrapped is not None and is_sharded(accelerator)
    state = accelerator.get_state_dict(wrapped) if inside else network.state_dict()
    # FSDP2 leaves the network in pieces when its stage is over, and pieces cannot be saved.
    return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in state.items()}
