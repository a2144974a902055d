"""The model in training: LLaVA with adapters, the mapper, the contrast, and one forward pass a micro-batch.

Shapes: B rows, N positions, V views, P visual tokens a view, C tower channels, D hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import LlavaForConditionalGeneration

from fakescan.model.build import LoraSettings, add_lora, encoder_outputs, image_embeddings, tower_features
from fakescan.model.mapper import Anchors, ProbabilityMapper
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.encode import IGNORED, Batch
from fakescan_trainer.facl import ForgeryAlignedContrast, mean_pooled
from fakescan_trainer.losses import cpm_bce_loss, lm_loss, predicted_index_loss

PROBE = "multi_modal_projector.probe."
"""In the names of a probe's parameters."""


def module_of(name: str) -> str:
    """What a parameter of the network belongs to: projector, language, vision or probe; empty for all others.

    Args:
        name: of the parameter.
    """
    if PROBE in name:
        return "probe"
    if "multi_modal_projector" in name:
        return "projector"
    if "lora_" in name:
        return "vision" if "vision_tower" in name else "language"
    return ""


@dataclass(frozen=True, slots=True)
class Losses:
    """What one micro-batch costs; scalars, zero where a term does not apply."""

    total: torch.Tensor
    terms: dict[str, float]


class ForensicNetwork(nn.Module):
    """Everything that has parameters or state, so that a checkpoint is one state dict."""

    def __init__(self, llava: LlavaForConditionalGeneration, config: TrainConfig, anchors: Anchors) -> None:
        """Wrap a base model; adapters are added in place."""
        super().__init__()
        lora = config.model.lora
        if lora.rank:
            add_lora(llava, LoraSettings(lora.rank, lora.alpha, lora.dropout, lora.vision_blocks))
        else:
            llava.requires_grad_(False)
        self.llava = llava
        self.mapper = ProbabilityMapper(config.mapper.tau, trainable=config.mapper.trainable)
        self.contrast = ForgeryAlignedContrast(
            llava.config.text_config.hidden_size, config.facl.queue, config.facl.temperature,
            normalise=config.facl.normalise, text_pairs=config.facl.text_pairs,
        )  # fmt: skip
        self.config = config
        self.anchors = anchors

    def embed(self, vision: torch.Tensor, rows: int) -> torch.Tensor:
        """Visual tokens (B, V * P, D) of B ``rows`` from pixels (B * V, 3, H, W) or cached features (B, V, P, C)."""
        if vision.dim() == 4 and vision.shape[1] == 3:
            trained = bool(self.config.model.lora.vision_blocks)
            with torch.set_grad_enabled(trained and torch.is_grad_enabled()):
                features = tower_features(self.llava, vision)
            views = len(vision) // rows
        else:
            features, views = vision.flatten(0, 1), vision.shape[1]
        return image_embeddings(self.llava, features, views)

    def states(self, batch: Batch, visual: torch.Tensor) -> torch.Tensor:
        """Last hidden states of the language model, (B, N, D)."""
        outputs = self.llava.model(
            input_ids=batch.ids, attention_mask=batch.mask, mm_encoder_outputs=encoder_outputs(visual), use_cache=False
        )
        states: torch.Tensor = outputs.last_hidden_state
        return states

    def class_logits(self, states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Logits of real and fake where the token at ``index`` is predicted, (B, 2)."""
        at = states[torch.arange(len(index), device=index.device), (index - 1).clamp_min(0)]
        head = self.llava.lm_head.weight[[self.anchors.real_id, self.anchors.fake_id]]
        logits: torch.Tensor = at @ head.T
        return logits

    def forward(self, batch: Batch, vision: torch.Tensor, kind: str) -> Losses:
        """The weighted loss of a micro-batch.

        Args:
            batch: rows of one kind.
            vision: pixels or cached features.
            kind: ``full``, ``short`` or ``caption``.
        """
        weights = self.config.loss
        visual = self.embed(vision, len(batch.ids))
        states = self.states(batch, visual)
        supervised = batch.targets[:, 1:] != IGNORED
        logits = self.llava.lm_head(states[:, :-1][supervised])
        lm = lm_loss(logits, batch.targets[:, 1:][supervised])
        terms = {f"lm_{kind}": lm}
        if kind == "caption":
            return self._sum(terms, {f"lm_{kind}": 1.0})
        factors = {f"lm_{kind}": weights.lm_short if kind == "short" else weights.lm}
        cpm_weight = weights.cpm_short if kind == "short" else weights.cpm
        terms[f"cpm_{kind}"], factors[f"cpm_{kind}"] = self._cpm(batch, states, kind), cpm_weight
        if kind == "full" and weights.facl:
            terms["facl"] = self._facl(batch, states, visual)
            factors["facl"] = weights.facl
        return self._sum(terms, factors)

    def _cpm(self, batch: Batch, states: torch.Tensor, kind: str) -> torch.Tensor:
        if kind == "full" and self.config.mapper.locate == "predicted":
            return predicted_index_loss(
                self.llava.lm_head(states), batch.labels, self.anchors, self.mapper, batch.score
            )
        pairs = self.class_logits(states, batch.index)
        return cpm_bce_loss(
            pairs,
            batch.aim,
            batch.score & (batch.index > 0),
            self.mapper,
            smoothing=self.config.loss.label_smoothing,
        )

    def _facl(self, batch: Batch, states: torch.Tensor, visual: torch.Tensor) -> torch.Tensor:
        settings = self.config.facl
        placeholders = (batch.ids == self.llava.config.image_token_id).long()
        image = visual.mean(1) if settings.image_states == "projector" else mean_pooled(states, placeholders)
        text = states if settings.text_states == "last_hidden" else self.llava.get_input_embeddings()(batch.ids)
        caption, reasoning = mean_pooled(text, batch.caption_mask), mean_pooled(text, batch.reasoning_mask)
        loss: torch.Tensor = self.contrast(image, caption, reasoning, batch.labels).loss
        return loss

    def rest_idle_adapters(self, trained: tuple[str, ...]) -> None:
        """Switch off adapters that change nothing: not trained now and still zero, as while the projector is aligned.

        A third of a step's time goes into them otherwise. Call before ``parts``, which sets what is trained.
        """
        for module in self.llava.modules():
            if isinstance(module, BaseTunerLayer):
                used = "language" in trained or "vision" in trained
                up = [weight for name, weight in module.named_parameters() if "lora_B" in name]
                module.enable_adapters(used or any(bool(weight.any()) for weight in up))

    @staticmethod
    def _sum(terms: dict[str, torch.Tensor], factors: dict[str, float]) -> Losses:
        used = [terms[name] * factor for name, factor in factors.items() if factor]
        total = torch.stack(used).sum() if used else sum(terms.values()) * 0.0
        return Losses(total, {name: float(value.detach()) for name, value in terms.items()})  # type: ignore[arg-type]  # sum() of tensors

    def parts(self, names: tuple[str, ...]) -> dict[str, list[nn.Parameter]]:
        """Parameters by group for the modules that shall be updated; all others are frozen.

        The projector's probe of the class token is never among them: a kernel stage fills it, and steps on images that
        it tells apart already would write over what it says of others.

        Args:
            names: of projector, language, vision.
        """
        groups: dict[str, list[nn.Parameter]] = {"projector": [], "adapters": [], "scalars": []}
        for name, parameter in self.named_parameters():
            wanted, module = False, module_of(name)
            if module:
                wanted, group = module in names, "projector" if module == "projector" else "adapters"
            elif name in ("mapper.log_tau", "contrast.log_temperature"):
                wanted, group = name != "mapper.log_tau" or self.config.mapper.trainable, "scalars"
            parameter.requires_grad_(wanted)
            if wanted:
                groups[group].append(parameter)
        return {group: parameters for group, parameters in groups.items() if parameters}
