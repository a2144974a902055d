"""What a run begins with and fits, and what one sample of each kind looks like to the model: text, ids, what counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fakescan.errors import DataError
from fakescan_trainer.config import CLOSED_FORM, TrainConfig
from fakescan_trainer.encode import Row
from fakescan_trainer.materials import Materials
from fakescan_trainer.memory import kernel_rows


def describe_samples(config: TrainConfig, materials: Materials) -> Iterator[str]:
    """Lines that describe the first sample of each kind. Needs tokenizer and data, not the weights.

    Where no stage takes steps there is no row to be trained on, and none is shown.

    Args:
        config: the recipe.
        materials: what ``gather`` read of it.

    Raises:
        DataError: there is no sample of any kind.
    """
    data, encoder, anchors = materials.data, materials.encoder, materials.anchors
    tokenizer, image_id = materials.tokenizer, materials.llava.image_token_id
    counts = {"full": data.full, "labelled": data.labelled, "captions": data.captions, "held out": data.validation}
    yield "data: " + ", ".join(f"{len(records)} {name}" for name, records in counts.items())
    yield from _without_steps(config, materials)
    if all(stage.task in CLOSED_FORM for stage in config.stages):
        return
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
        yield from _lines(tokenizer, row, image_id)


def _without_steps(config: TrainConfig, materials: Materials) -> Iterator[str]:
    """What the run goes on from, and what its kernel stages are fitted on."""
    data, start = materials.data, materials.start
    if start is not None:
        yield f"goes on from {start.name} in {config.model.start} (weights {start.weights_sha256[:16]})"
    for stage in config.stages:
        if stage.task == "kernel":
            fakes = sum(record.label == "fake" for record in data.labelled)
            sources = len({record.source for record in data.labelled})
            yield (
                f"stage {stage.name}: a detector fitted on {len(data.labelled)} labelled images ({fakes} AI-generated) "
                f"of {sources} sources, {kernel_rows(config, materials)} class tokens; no steps"
            )


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
