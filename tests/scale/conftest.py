"""What the slow tests share: a checkpoint of the tests' tiny model that a scan of its own process can load."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fakescan.core.records import Calibration, ScoreKind
from fakescan.model.build import LoraSettings, add_lora, load_base
from fakescan.model.checkpoints.ours import CheckpointInfo, save_adapter, write_info
from fakescan.model.images import Preprocessing
from tests.tiny import make_base


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder."""
    folder = tmp_path_factory.mktemp("tiny-model")
    torch.manual_seed(0)
    llava = load_base(make_base(folder / "base"), projector_pooling=2)
    add_lora(llava, LoraSettings(4, 8.0))
    save_adapter(folder, llava.state_dict())
    record = Calibration(2.0, 0.1, 0.5, (0.4, 0.6), "no data: for tests", {"auc": 0.5})
    info = CheckpointInfo(
        "tiny", "base", "tiny base", "chatml", Preprocessing(32, ("square",)), 2, LoraSettings(4, 8.0), 10.0,
        calibration={ScoreKind.BEFORE: record},
    )  # fmt: skip
    write_info(folder, info)
    return folder
