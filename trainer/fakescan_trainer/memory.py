"""How much memory a run will need, before it starts. An estimate, said to be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fakescan_trainer.config import TrainConfig
from fakescan_trainer.network import ForensicNetwork

BYTES = {"no": 4, "bf16": 2, "fp16": 2}
ACTIVATION_VALUES = 34
"""Values a token, layer and hidden unit that a LLaMA block keeps for the backward pass (attention and SwiGLU MLP)."""
PROMPT_TOKENS = 190
"""Question, SUMMARY, tags and conclusion."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes by what holds them."""

    weights: int
    trained: int
    activations: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.trained + self.activations

    def sentence(self) -> str:
        """For people."""
        parts = (
            ("weights", self.weights),
            ("gradients and optimizer", self.trained),
            ("activations", self.activations),
        )
        shown = ", ".join(f"{name} {size / 2**30:.1f}" for name, size in parts)
        return f"about {self.total / 2**30:.1f} GiB of memory will be needed ({shown} GiB; an estimate)"


def estimate(config: TrainConfig, network: ForensicNetwork) -> MemoryEstimate:
    """Weights, Adam's two moments and gradients of what is trained, and the activations of the largest micro-batch."""
    everything = sum(parameter.numel() for parameter in network.parameters())
    trained = sum(p.numel() for group in network.parts(config.model.train).values() for p in group)
    size = BYTES[config.run.precision]
    text: Any = network.llava.config.text_config
    visual = network.llava.config.image_seq_length if config.model.projector_pooling == 1 else 64
    tokens = visual * len(config.model.views) + PROMPT_TOKENS + config.data.max_text_tokens // 2
    rows = max(max(stage.full, stage.short // 2, stage.captions // 3) for stage in config.stages)
    layers = 2 if config.run.gradient_checkpointing else text.num_hidden_layers
    widths = ACTIVATION_VALUES + 6 * text.intermediate_size / text.hidden_size
    activations = rows * tokens * (layers * text.hidden_size * widths * size / 2 + text.vocab_size * 8 / 2)
    return MemoryEstimate(everything * size, trained * 12 + trained * (size if size < 4 else 0), int(activations))
