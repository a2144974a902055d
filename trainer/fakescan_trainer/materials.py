"""What a run works with besides weights: tokenizer, config, data, and the encoder of rows. Read once, weights last."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import LlavaConfig

from fakescan.errors import ModelError
from fakescan.model.build import load_base, load_config, load_tokenizer
from fakescan.model.images import Preprocessing
from fakescan.model.mapper import Anchors, derive_anchors
from fakescan.model.projector import visual_tokens_of
from fakescan.model.prompt import TEMPLATES
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.data.features import PLAIN, extend_cache
from fakescan_trainer.data.mmfr import read_records
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.encode import RowEncoder
from fakescan_trainer.places import is_first_process
from fakescan_trainer.start import Start, read_start, recall_start


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
    start: Start | None = None
    """The checkpoint that training goes on from."""


def gather(config: TrainConfig, *, fill: bool = True, resume: bool = False) -> Materials:
    """Read and check all that a recipe names, but no weights unless features are to be made.

    Args:
        config: the recipe.
        fill: whether ``data.fill`` counts.
        resume: whether a run is gone on with, which needs the checkpoint that it began from no longer.

    Raises:
        DataError: the data is missing or malformed, or the run to go on with is.
        ModelError: there is no base, it has no tokenizer or no config, they do not fit the prompt, or the checkpoint of
            ``model.start`` does not fit them.
    """
    if not Path(config.model.base).is_dir():
        raise ModelError(
            f"there is no base model in {config.model.base}",
            "name its folder with model.base=FOLDER, or use the recipe own, which takes the embedded model's base",
        )
    llava = load_config(
        config.model.base,
        projector_pooling=config.model.projector_pooling,
        projector_probe_units=config.model.projector_probe_units,
    )
    tokenizer = load_tokenizer(config.model.base)
    vision: Any = llava.vision_config
    try:
        prep = Preprocessing(vision.image_size, config.model.views)
    except ValueError as error:
        raise ModelError(f"the base does not fit the recipe: {error}", "change model.views") from error
    start = None
    if config.model.start:
        start = recall_start(Path(config.run.out)) if resume else read_start(config, prep)
    if config.data.fill and fill and is_first_process():
        _fill(config, prep)
    anchors = derive_anchors(tokenizer)
    encoder = RowEncoder(
        tokenizer, TEMPLATES[config.model.template], llava.image_token_id,
        visual_tokens_of(llava) * len(config.model.views),
        caption_visual_tokens=visual_tokens_of(llava) * (config.data.caption_views or len(config.model.views)),
        leak=config.data.leak, max_text_tokens=config.data.max_text_tokens, chain=config.data.chain,
        answer=start.answer if start else None,
    )  # fmt: skip
    data = config.data
    if data.fill and not fill and not Path(data.features[0]).is_dir():
        data = replace(data, features=())  # what is only looked at needs none
    return Materials(llava, tokenizer, prep, TrainingData(data, prep), anchors, encoder, start)


def _fill(config: TrainConfig, prep: Preprocessing) -> None:
    """Make the features of every image of the recipe that the cache does not hold yet."""
    root = Path(config.data.root)
    names = dict.fromkeys((*config.data.train, *config.data.captions, *config.data.validation))
    images = dict.fromkeys(record.image for name in names for record in read_records(root / name, root))
    base = load_base(config.model.base, projector_pooling=config.model.projector_pooling)
    for _ in extend_cache(Path(config.data.features[0]), base, prep, root, [(image, PLAIN) for image in images]):
        pass
