"""``fakescan model info|verify``."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescan.core.records import ScoreKind
from tests.cli.conftest import Cli
from tests.support.builders import CALIBRATION


@pytest.fixture
def model(tmp_path: Path) -> Path:
    from fakescan.model.checkpoints.ours import CheckpointInfo, write_info
    from fakescan.model.images import Preprocessing

    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "adapter.safetensors").write_bytes(b"weights")
    info = CheckpointInfo(
        name="mine \x1b[31m",
        base="base",
        base_name="a tiny base",
        template="chatml",
        preprocessing=Preprocessing(224, ("square",), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        projector_pooling=1,
        lora=None,
        tau=7.5,
        calibration={ScoreKind.BEFORE: CALIBRATION},
        card={"trained on": "two pictures"},
    )
    write_info(folder, info)
    return folder


def test_info_tells_what_it_is_and_what_was_measured(cli: Cli, model: Path) -> None:
    done = cli("model", "info", model)
    assert (done.code, done.err) == (0, "")
    for text in ("a tiny base", "two pictures", "200 test images", "auc", "7.5"):
        assert text in done.out
    assert "\x1b" not in done.out


def test_verify_compares_every_file(cli: Cli, model: Path) -> None:
    assert cli("model", "verify", model).code == 0
    (model / "adapter.safetensors").write_bytes(b"weight5")
    done = cli("model", "verify", model)
    assert (done.code, done.out) == (2, "")
    assert "adapter.safetensors" in done.err
    assert "hint: " in done.err


@pytest.mark.parametrize("command", ["info", "verify"])
def test_what_is_no_model_is_2(cli: Cli, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        done = cli("model", command, name)
        assert done.code == 2
        assert done.err.startswith("error: ")
