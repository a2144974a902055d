"""What a run works with besides weights: tokenizer, config, data, and the encoder of rows. Read once, weights last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import LlavaConfig

from fakescan.errors import ModelError
from fakescan.model.build import load_config, load_tokenizer
from fakescan.model.images import Preprocessing
from fakescan.model.mapper import Anchors, derive_anchors
from fakescan.model.projector import visual_tokens_of
from fakescan.model.prompt import TEMPLATES
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.encode import RowEncoder


@dataclass(frozen=True)
class Materials:
    """Everything that is needed to make rows, and to say what a run will cost."""

    llava: LlavaConfig
    """Config of the base, with the recipe's pooling."""
    tokenizer: Any
    """The base's."""
    prep: Preprocessing
    """Views and normalisation."""
    data: TrainingData
    """Records by kind."""
    anchors: Anchors
    """What marks the classification index."""
    encoder: RowEncoder
    """From records to token ids."""


def gather(config: TrainConfig) -> Materials:
    """Read and check all that a recipe names, but no weights.

    Raises:
        DataError: the data is missing or malformed.
        ModelError: the base has no tokenizer or no config, or they do not fit the prompt.
    """
    llava = load_config(config.model.base, projector_pooling=config.model.projector_pooling)
    tokenizer = load_tokenizer(config.model.base)
    vision: Any = llava.vision_config
    try:
        prep = Preprocessing(vision.image_size, config.model.views)
    except ValueError as error:
        raise ModelError(f"the base does not fit the recipe: {error}", "change model.views") from error
    anchors = derive_anchors(tokenizer)
    encoder = RowEncoder(
        tokenizer, TEMPLATES[config.model.template], llava.image_token_id,
        visual_tokens_of(llava) * len(config.model.views),
        caption_visual_tokens=visual_tokens_of(llava) * (config.data.caption_views or len(config.model.views)),
        leak=config.data.leak, max_text_tokens=config.data.max_text_tokens,
    )  # fmt: skip
    return Materials(llava, tokenizer, prep, TrainingData(config.data, prep), anchors, encoder)
