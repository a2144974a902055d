"""Put a trained run into the package: base, adapter, calibration.

    python trainer/nano/ship.py RUN/checkpoint BASE MMFR OUT --features CACHE [CACHE...]

Low-rank matrices and the first layers of the projector and of its probe are stored as int8 with a scale a row; their
second layers, where few columns are much larger than the others, stay float16. The score before reasoning is calibrated
on the held-out training sources (`validation.json`) from cached features of the plain pictures, with the adapter as it
is stored, so with the very numbers that users load. Both scores can be calibrated anew from scans of such pictures
(`calibrate_scores.py`). Error rates are not written here: `card.py` adds them from a scan of images of unseen sources.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from fakescan.core.records import Calibration, ImageKind, ScoreKind
from fakescan.intake.scope import kind_of
from fakescan.model.build import visual_tokens
from fakescan.model.checkpoints.ours import ADAPTER, LoadedModel, load_checkpoint, read_info, write_info
from fakescan.model.checkpoints.quantise import quantise_rows
from fakescan.model.mapper import derive_anchors
from fakescan.model.prompt import TEMPLATES
from fakescan_trainer.calibrate import NO_REAL, calibrate
from fakescan_trainer.config import DataConfig, LoraConfig, ModelConfig, TrainConfig
from fakescan_trainer.data.features import open_rgb
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.encode import RowEncoder
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.evaluate.validation import triage_scores
from fakescan_trainer.network import ForensicNetwork
from fakescan_trainer.sampling import source_weights


def store_adapter(source: Path, target: Path) -> None:
    """Write an exported float16 adapter in the form that ships."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in load_file(source).items():
        if "lora_" in name or name.endswith("linear_1.weight"):
            tensors[f"{name}.int8"], tensors[f"{name}.scale"] = quantise_rows(tensor)
        else:
            tensors[name] = tensor
    save_file(tensors, target, {"format": "fakescan-1"})


def calibrate_before(loaded: LoadedModel, root: Path, caches: Sequence[Path]) -> Calibration:
    """Score every held-out record in triage and fit."""
    info = loaded.info
    data_config = DataConfig(
        root=str(root),
        train=("captions.json",),
        validation=("validation.json",),
        features=tuple(map(str, caches)),
        variants=(1,),
    )
    data = TrainingData(data_config, info.preprocessing)
    config = TrainConfig(
        ModelConfig(template=info.template, views=info.preprocessing.views, lora=LoraConfig(rank=0)), data_config
    )
    network = ForensicNetwork(loaded.llava, config, derive_anchors(loaded.tokenizer)).eval()
    encoder = RowEncoder(
        loaded.tokenizer, TEMPLATES[info.template], loaded.llava.config.image_token_id,
        visual_tokens(loaded.llava, info.preprocessing.views), leak=False, max_text_tokens=200,
    )  # fmt: skip
    # kinds without measured rates get no verdict from the model, so they must not move its threshold either
    records = [r for r in data.validation if kind_of(open_rgb(root / r.image)) is ImageKind.PHOTO]
    scores = triage_scores(network, encoder, data, records, torch.device("cpu"))
    labels = np.array([float(record.label == "fake") for record in records])
    names = [record.source for record in records]
    words = (
        f"{len(records)} photographs and photo-like pictures ({int(labels.sum())} AI-generated, "
        f"{int((1 - labels).sum())} real) of {len(set(names))} sources held out of training"
    )
    print(f"held out: {words}; AUC {auc(labels, scores):.4f}")
    return calibrate(scores, labels, source_weights(records), words, NO_REAL, names)


def main() -> None:
    """Copy, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("checkpoint", "base", "mmfr", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--features", type=Path, nargs="+", required=True, help="caches, one after the other")
    args = parser.parse_args()
    out: Path = args.out
    (out / "base").mkdir(parents=True, exist_ok=True)
    for path in args.base.iterdir():
        shutil.copyfile(path, out / "base" / path.name)
    store_adapter(args.checkpoint / ADAPTER, out / ADAPTER)
    info = dataclasses.replace(
        read_info(args.checkpoint), base="base", base_name="CLIP ViT-B/16 + SmolLM2-135M-Instruct", calibration={}
    )
    write_info(out, info)
    records = {ScoreKind.BEFORE: calibrate_before(load_checkpoint(out), args.mmfr, args.features)}
    write_info(out, dataclasses.replace(info, calibration=records))
    for kind, record in records.items():
        print(kind.value, record)


if __name__ == "__main__":
    main()
