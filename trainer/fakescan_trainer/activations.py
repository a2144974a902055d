"""What a micro-batch keeps for its backward pass, counted tensor by tensor.

The counts are those of torch's saved-tensor hooks on the network that is trained; ``benchmarks/training_memory.py``
compares what follows from them with what runs take. Widths: D hidden size, K all key heads together, I inside the MLP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration

from fakescan.model.projector import visual_tokens_of
from fakescan_trainer.config import StageConfig, TrainConfig
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.encode import Row
from fakescan_trainer.materials import Materials
from fakescan_trainer.schedule import steps_of

FLOAT_BYTES = 4
"""Weights, gradients and moments are float32, mixed precision or not: accelerate casts while it computes."""
MIXED_SHARE = 0.6
"""Activations in mixed precision against float32: norms and the residual stream stay float32."""
LOOKED_AT = 48
"""Rows that are tokenised to learn how long rows are."""
_LANGUAGE_LINEARS, _VISION_LINEARS = 7, 6


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """One kind of rows of a stage."""

    rows: int
    """How many at once."""
    length: int
    """Tokens of the longest that the stage is expected to draw: all of a batch are padded to its longest."""
    learnt: float
    """Tokens a row that count in the loss."""
    full: bool
    """Whether they have the reasoning."""

    @property
    def tokens(self) -> int:
        """Tokens, padding included."""
        return self.rows * self.length


def micro_batches(stage: StageConfig, materials: Materials) -> list[MicroBatch]:
    """The micro-batches of a stage, one after the other, each with a backward pass of its own."""
    data, encoder = materials.data, materials.encoder
    steps = steps_of(stage, len(data.full), len(data.labelled), len(data.captions)) * stage.accumulate
    found = [_micro_batch(stage.captions, steps, data.captions, encoder.caption)]
    if stage.task == "joint":
        found.append(
            _micro_batch(stage.full, steps, data.full, lambda record: encoder.full(record, steered=False), full=True)
        )
        found.append(_micro_batch(stage.short, steps, data.labelled, encoder.short))
    return [batch for batch in found if batch.tokens]


def _micro_batch(
    rows: int, batches: int, records: Sequence[Record], encode: Callable[[Record], Row], *, full: bool = False
) -> MicroBatch:
    by_length = sorted(records, key=lambda record: len(record.caption) + len(record.reasoning), reverse=True)
    # Of n drawn out of N, the longest is expected at place (N + 1) / (n + 1).
    drawn = rows * batches
    first = max(0, (len(records) - drawn) // (drawn + 1))
    looked_at = [encode(record) for record in by_length[first : first + LOOKED_AT]]
    length = max((len(row.ids) for row in looked_at), default=0)
    return MicroBatch(rows, length, sum(sum(row.supervised) for row in looked_at) / max(1, len(looked_at)), full)


def kept_bytes(
    config: TrainConfig, modules: Sequence[str], model: LlavaForConditionalGeneration, batch: MicroBatch
) -> float:
    """Bytes that are held at the worst moment of a micro-batch, where its forward pass ends and the other begins.

    Args:
        config: the recipe.
        modules: what the stage trains.
        model: its shapes.
        batch: of one kind.
    """
    text: Any = model.config.text_config
    share = MIXED_SHARE if config.run.precision != "no" else 1.0
    layers = _of_layers(
        text, text.num_hidden_layers, config, batch.rows, batch.length, adapted=_adapts_language(config, modules)
    )
    values = layers + _of_tower(config, modules, model, batch.rows) + _of_projector(config, modules, model, batch.rows)
    return FLOAT_BYTES * (share * values + _of_head(config, batch) * int(text.vocab_size))


def freed_bytes(
    config: TrainConfig, modules: Sequence[str], model: LlavaForConditionalGeneration, batch: MicroBatch, below: int
) -> float:
    """Bytes of tensors smaller than ``below`` that a forward pass makes and frees again.

    A layer of frozen linears frees the norms' squares and quotients, what goes into rotary positions and comes between
    (q and k, three and a half each) and the sums before the residual stream; with adapters, three more a linear layer:
    the frozen product, the adapter's, and that scaled.
    """
    text: Any = model.config.text_config
    wide, inner, keys = _widths(text)
    counts = ((wide, 19.5), (keys, 10.5), (inner, 6.0))
    if not _adapts_language(config, modules):
        counts = ((wide, 10.5), (keys, 4.5), (inner, 1.0))
    sizes = [(FLOAT_BYTES * batch.tokens * width, count) for width, count in counts]
    return int(text.num_hidden_layers) * sum(size * count for size, count in sizes if size < below)


def _adapts_language(config: TrainConfig, modules: Sequence[str]) -> bool:
    return bool(config.model.lora.rank) and "language" in modules


def _widths(shape: Any) -> tuple[int, int, int]:
    """D, I and K."""
    wide, heads = int(shape.hidden_size), int(shape.num_attention_heads)
    key_heads = int(getattr(shape, "num_key_value_heads", None) or heads)
    return wide, int(shape.intermediate_size), wide // heads * key_heads


def _of_head(config: TrainConfig, batch: MicroBatch) -> float:
    """Vocabularies that are held: of logits, of their logarithms, and of the gradients of both.

    The logits themselves are gone when the forward pass ends: three are left. Where the index is looked for in the
    argmax ids, logits of every token come while logits and logarithms of the learnt ones are held.
    """
    learnt = batch.rows * batch.learnt
    if batch.full and config.mapper.locate == "predicted":
        return max(3 * learnt, 2 * learnt + batch.tokens)
    return 3 * learnt


def _of_projector(
    config: TrainConfig, modules: Sequence[str], model: LlavaForConditionalGeneration, rows: int
) -> float:
    """What goes into its linear layers and comes out, but for the last one; of v2's fusion the larger part.

    The probe of the class token is left out: no gradient goes into it.
    """
    if "projector" not in modules:
        return 0.0
    named = model.model.multi_modal_projector.named_modules()
    linears = [module for name, module in named if isinstance(module, nn.Linear) and not name.startswith("probe.")]
    token = sum(linear.in_features + linear.out_features for linear in linears) - linears[-1].out_features
    return float(rows * len(config.model.views) * visual_tokens_of(model.config) * token)


def _tower_tokens(model: LlavaForConditionalGeneration) -> int:
    vision: Any = model.config.vision_config
    return int(vision.image_size // vision.patch_size) ** 2 + 1


def _of_tower(config: TrainConfig, modules: Sequence[str], model: LlavaForConditionalGeneration, rows: int) -> float:
    """Values that the tower keeps, where it is trained; a frozen one keeps none."""
    if "vision" not in modules or not config.model.lora.vision_blocks:
        return 0.0
    vision: Any = model.config.vision_config
    blocks = int(vision.num_hidden_layers) - min(config.model.lora.vision_blocks)
    pictures = rows * len(config.model.views)
    return _of_layers(vision, blocks, config, pictures, _tower_tokens(model), adapted=True, gated=False)


def _of_layers(
    shape: Any, layers: int, config: TrainConfig, rows: int, length: int, *, adapted: bool, gated: bool = True
) -> float:
    """Values that transformer layers keep for the backward pass.

    A layer keeps a token's residual stream at both norms, query, key, value and output of the attention, and of the MLP
    what the activation gets and gives and, in a gated one, the other half. Adapters want what goes into each linear
    layer as well (of which the output of the attention is there already) and the low rank; with dropout they want a
    copy of each and its mask. Key and value are repeated for every head where rows differ in length, and there each
    layer has the mask of the attention too. With gradient checkpointing a layer keeps its input, and one at a time the
    rest.
    """
    wide, inner, keys = _widths(shape)
    padded = rows > 1 and gated
    repeated = wide if padded or not gated else keys
    token = 4.0 * wide + 2.0 * repeated + (3.0 if gated else 2.0) * inner
    lora = config.model.lora
    if adapted and lora.dropout:
        mask = 0.25 if torch.cuda.is_available() else 1.0  # booleans there, numbers on the CPU
        token += (1 + mask) * (6.0 * wide + inner)
    elif adapted:
        token += 2.0 * wide + inner
    if adapted:
        token += lora.rank * (_LANGUAGE_LINEARS if gated else _VISION_LINEARS)
    tokens = float(rows * length)
    layer = tokens * token + (tokens * length if padded else 0.0)
    return layers * tokens * wide + layer if config.run.gradient_checkpointing else layers * layer
