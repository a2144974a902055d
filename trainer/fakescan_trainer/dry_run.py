"""What one sample of each kind looks like to the model: its text, its ids, and what the loss counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transformers import LlavaConfig

from fakescan.errors import DataError, ModelError
from fakescan.model.build import load_tokenizer
from fakescan.model.images import Preprocessing
from fakescan.model.mapper import derive_anchors
from fakescan.model.projector import visual_tokens_of
from fakescan.model.prompt import TEMPLATES
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.encode import Row, RowEncoder


def describe_samples(config: TrainConfig) -> Iterator[str]:
    """Lines that describe the first sample of each kind. Needs tokenizer and data, not the weights.

    Raises:
        DataError: the data is missing or malformed.
        ModelError: the base has no tokenizer or no config.
    """
    tokenizer = load_tokenizer(config.model.base)
    try:
        llava = LlavaConfig.from_pretrained(config.model.base, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{config.model.base} has no config: {error}", "fetch or build the base") from error
    llava.projector_pooling = config.model.projector_pooling
    data = TrainingData(config.data, Preprocessing(llava.vision_config.image_size, config.model.views))
    tokens = visual_tokens_of(llava) * len(config.model.views)
    encoder = RowEncoder(
        tokenizer, TEMPLATES[config.model.template], llava.image_token_id, tokens,
        leak=config.data.leak, max_text_tokens=config.data.max_text_tokens,
    )  # fmt: skip
    anchors = derive_anchors(tokenizer)
    counts = {"full": data.full, "labelled": data.labelled, "captions": data.captions, "held out": data.validation}
    yield "data: " + ", ".join(f"{len(records)} {name}" for name, records in counts.items())
    patterns = [list(pattern) for pattern in anchors.patterns]
    yield f"classification index: after {patterns}, real = {anchors.real_id}, fake = {anchors.fake_id}"
    samples: list[tuple[str, str, Row]] = []
    if data.full:
        record = data.full[0]
        samples.append(("full", record.image, encoder.full(record, steered=False)))
        if config.data.steer:
            samples.append(("full, steered", record.image, encoder.full(record, steered=True)))
    if data.labelled:
        samples.append(("short", data.labelled[0].image, encoder.short(data.labelled[0])))
    if data.captions:
        samples.append(("caption", data.captions[0].image, encoder.caption(data.captions[0])))
    if not samples:
        raise DataError("no sample to show", "check the data files")
    for kind, image, row in samples:
        yield ""
        yield f"== {kind}: {image}, {len(row.ids)} tokens, label {row.label}, index {row.index}"
        yield from _lines(tokenizer, row, llava.image_token_id)


def _lines(tokenizer: Any, row: Row, image_id: int) -> Iterator[str]:
    """Runs of tokens with and without loss, with their text."""
    start = 0
    for position in range(1, len(row.ids) + 1):
        ends = position == len(row.ids)
        if not ends and row.supervised[position] == row.supervised[start]:
            continue
        ids = row.ids[start:position]
        images = sum(token == image_id for token in ids)
        text = tokenizer.decode([token for token in ids if token != image_id])
        mark = "loss   " if row.supervised[start] else "no loss"
        yield f"[{mark}] {text!r}" + (f" and {images} visual tokens" if images else "")
        yield f"          ids {[token for token in ids if token != image_id]}"
        start = position
