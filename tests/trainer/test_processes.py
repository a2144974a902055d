"""Several processes: two take the same steps as one with twice the accumulation; the shipped launch files load."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fakescan.cli.app import run
from fakescan.errors import ConfigError
from fakescan_trainer.facl import ForgeryAlignedContrast
from fakescan_trainer.launch import SUFFIX, launch_file
from fakescan_trainer.loop import train
from tests.trainer.conftest import as_toml, build

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LAUNCH = sorted((REPOSITORY / "trainer/fakescan_trainer/launch").glob(f"*{SUFFIX}"))


def values(out: Path) -> dict[tuple[str, str], float]:
    rows = csv.DictReader((out / "metrics.csv").read_text("utf-8").splitlines())
    return {(row["step"], row["name"]): float(row["value"]) for row in rows if row["name"] not in ("elapsed_s", "lr")}


def test_two_processes_are_one_with_twice_the_accumulation(recipe: dict[str, Any], tmp_path: Path) -> None:
    """Losses of every step to 1e-5: both kinds of rows, an alignment stage before, the queues of the contrast."""
    recipe["model"]["lora"]["dropout"] = 0.0  # of which each process draws its own
    recipe["facl"]["queue"] = 5  # shorter than what two turns bring, so that the order of turns matters
    for stage in recipe["stages"]:
        stage["accumulate"] = 4
    recipe["run"]["out"] = str(tmp_path / "one")
    one = train(build(recipe))
    for stage in recipe["stages"]:
        stage["accumulate"] = 2
    recipe["run"]["out"] = str(tmp_path / "two")
    (tmp_path / "two.toml").write_text(as_toml(recipe), "utf-8")
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "trainer")]),
        "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true",
    }  # fmt: skip
    done = subprocess.run(
        [*launched, "-m", "fakescan", "train", str(tmp_path / "two.toml")],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == str(tmp_path / "two" / "checkpoint")  # told once
    assert done.stderr.count("validation: auc") == 3
    expected, found = values(tmp_path / "one"), values(tmp_path / "two")
    assert expected.keys() == found.keys()
    names = {name for _, name in found}
    assert {"lm_full", "lm_short", "cpm_full", "facl", "total", "tau", "validation_auc"} <= names
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-5, rel=1e-5), key
    assert len(one.losses) == 7
    single, double = (load_file(tmp_path / run / "checkpoint" / "adapter.safetensors") for run in ("one", "two"))
    for name, weight in single.items():
        torch.testing.assert_close(double[name], weight, atol=2e-4, rtol=2e-3, msg=name)  # float16


def test_the_contrast_of_processes_sees_what_came_before_it_in_the_same_turn() -> None:
    """Three processes by hand, without any: each one's loss and queue are those of three batches in a row."""
    torch.manual_seed(0)
    batches = [(torch.randn(2, 4), torch.randn(2, 4), torch.randn(2, 4), torch.tensor([0, 1])) for _ in range(3)]
    alone = ForgeryAlignedContrast(4, 5)
    expected = [float(alone(*batch).loss.detach()) for batch in batches]
    for place, batch in enumerate(batches):
        one = ForgeryAlignedContrast(4, 5)
        one.place, asked = place, iter(range(4))

        def exchange(tensor: torch.Tensor, one: ForgeryAlignedContrast = one, asked: Any = asked) -> torch.Tensor:
            which = next(asked)
            parts = []
            for image, caption, reasoning, labels in batches:
                text = torch.cat([one._prepared(caption), one._prepared(reasoning)])
                parts.append((one._prepared(image), labels, text, labels.repeat(2))[which])
            return torch.cat(parts)

        one.exchange = exchange
        assert float(one(*batch).loss.detach()) == pytest.approx(expected[place], abs=1e-6)
        assert torch.equal(one.images.features, alone.images.features)
        assert torch.equal(one.texts.labels, alone.texts.labels)


@pytest.mark.parametrize("path", LAUNCH, ids=lambda path: path.stem)
def test_launch_files_are_what_accelerate_reads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through accelerate's own reader and the environment that it hands to the processes, to its own plugins."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    config = load_config_from_file(str(path))
    assert config.num_processes == 4
    assert config.mixed_precision == "bf16"
    arguments = launch_command_parser().parse_args(["--config_file", str(path), "-m", "fakescan"])
    arguments, _, _ = _validate_launch_command(arguments)
    assert arguments.num_processes == 4
    monkeypatch.setattr("accelerate.utils.launch.is_port_in_use", lambda port: False)  # it would connect to find out
    if path.stem == "deepspeed-13b":
        arguments.deepspeed_fields_from_accelerate_config = ",".join(config.deepspeed_config)  # as its launcher does
        _, environment = prepare_deepspeed_cmd_env(arguments)
    else:
        environment = prepare_multi_gpu_env(arguments)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if path.stem == "fsdp-13b":
        plugin = FullyShardedDataParallelPlugin()
        assert plugin.fsdp_version == 2
        assert plugin.transformer_cls_names_to_wrap == ["LlamaDecoderLayer"]
        assert plugin.reshard_after_forward is True
    if path.stem == "deepspeed-13b":
        if importlib.util.find_spec("deepspeed") is None:
            # Its plugin reads the file only beside the library; what it would read is here.
            assert environment["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == "3"
            assert environment["ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL"] == "true"
            assert environment["ACCELERATE_GRADIENT_ACCUMULATION_STEPS"] == "auto"
        else:
            assert DeepSpeedPlugin().zero_stage == 3


def test_launch_files_are_found_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert {path.stem for path in LAUNCH} == {"gpus", "fsdp-13b", "deepspeed-13b"}
    assert run(["train", "--launch-file", "fsdp-13b"]) == 0
    assert Path(capsys.readouterr().out.strip()) == launch_file("fsdp-13b")
    assert run(["train", "--launch-file", "fsdp"]) == 2
    assert "deepspeed-13b" in capsys.readouterr().err


@pytest.mark.parametrize("modules", [["projector", "language"], ["language"]])
def test_gradient_checkpointing_changes_memory_and_nothing_else(
    recipe: dict[str, Any], tmp_path: Path, modules: list[str]
) -> None:
    recipe["model"]["train"] = modules
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 2, "short": 2, "steps": 3, "lr": 1e-2}]
    plain = train(build(recipe))
    recipe["run"] |= {"out": str(tmp_path / "again"), "gradient_checkpointing": True}
    again = train(build(recipe))
    np.testing.assert_allclose(again.losses, plain.losses, rtol=1e-5)


def test_a_model_in_pieces_is_trained_in_one_stage(recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from fakescan_trainer import processes

    monkeypatch.setattr(processes, "is_sharded", lambda accelerator: True)
    with pytest.raises(ConfigError, match="one stage"):
        processes.make_accelerator(build(recipe))
    recipe["stages"] = recipe["stages"][1:]
    processes.make_accelerator(build(recipe))


PIECES = """
import sys
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.fsdp import fully_shard
from fakescan_trainer.processes import whole_state

init_process_group("gloo", init_method="file://" + sys.argv[1], rank=0, world_size=1)
network = torch.nn.Linear(3, 2)
expected = {name: value.clone() for name, value in network.state_dict().items()}
fully_shard(network)
network(torch.ones(1, 3)).sum().backward()
assert type(network.weight).__name__ == "DTensor" or type(network.weight.data).__name__ == "DTensor"
save_file(whole_state(Accelerator(cpu=True), network, None), sys.argv[2])
saved = load_file(sys.argv[2])
assert saved.keys() == expected.keys()
assert all(torch.equal(saved[name], value) for name, value in expected.items())
destroy_process_group()
"""


def test_what_fsdp_leaves_in_pieces_is_saved_whole(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "trainer")])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PIECES, str(tmp_path / "store"), str(tmp_path / "a.safetensors")],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
