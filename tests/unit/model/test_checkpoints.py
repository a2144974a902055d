"""Weights in few bits, and checkpoints that give the same numbers again or say what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fakescan.core.records import Calibration, ScoreKind
from fakescan.errors import ModelError
from fakescan.model.build import LoraSettings, add_lora, load_base
from fakescan.model.checkpoints import load_any
from fakescan.model.checkpoints.marks import MANIFEST
from fakescan.model.checkpoints.ours import (
    ADAPTER,
    CheckpointInfo,
    load_checkpoint,
    read_info,
    save_adapter,
    write_info,
)
from fakescan.model.checkpoints.quantise import (
    dequantise_q4_1,
    dequantise_q6,
    dequantise_q8_0,
    dequantise_rows,
    quantise_q6,
    quantise_rows,
    read_weights,
)
from fakescan.model.images import Preprocessing
from tests.tiny import make_base


def f16(value: float) -> list[int]:
    return list(torch.tensor([value], dtype=torch.float16).view(torch.uint8).tolist())


def test_int8_rows_lose_at_most_half_a_step() -> None:
    weight = torch.randn(5, 70, generator=torch.Generator().manual_seed(0))
    quantised, scale = quantise_rows(weight)
    assert quantised.dtype == torch.int8
    assert ((dequantise_rows(quantised, scale) - weight).abs() <= scale[:, None] / 2 + 1e-7).all()
    assert torch.equal(dequantise_rows(*quantise_rows(torch.zeros(2, 3))), torch.zeros(2, 3))


def test_block_formats_by_hand() -> None:
    # Q8_0: d = 0.5, q = -2, 3, 0 ...
    block = torch.tensor([[f16(0.5) + [254, 3] + [0] * 30]], dtype=torch.uint8)
    assert dequantise_q8_0(block)[0, :3].tolist() == [-1.0, 1.5, 0.0]
    # Q4_1: d = 2, m = -1; first byte 0xF3: value 0 is 3, value 16 is 15
    block = torch.tensor([[f16(2.0) + f16(-1.0) + [0xF3] + [0] * 15]], dtype=torch.uint8)
    values = dequantise_q4_1(block)[0]
    assert values.shape == (32,)
    assert values[[0, 16, 1]].tolist() == [5.0, 29.0, -1.0]


def test_six_bit_blocks_by_hand_and_there_and_back() -> None:
    # d = 0.5; the first four values 31, 0, -32, 1 are stored with 32 added, lowest bits first
    word = 63 | 32 << 6 | 0 << 12 | 33 << 18
    block = torch.tensor([[f16(0.5) + list(word.to_bytes(3, "little")) + [0] * 45]], dtype=torch.uint8)
    assert dequantise_q6(block)[0, :5].tolist() == [15.5, 0.0, -16.0, 0.5, -16.0]
    weight = torch.randn(3, 128, generator=torch.Generator().manual_seed(0))
    packed = quantise_q6(weight)
    assert packed.shape == (3, 2, 50)
    again = dequantise_q6(packed)
    assert float((again - weight).norm() / weight.norm()) < 0.03
    assert torch.equal(dequantise_q6(quantise_q6(torch.zeros(1, 64))), torch.zeros(1, 64))
    # no scale that was left out would have been better than the plain one by itself
    plain = (weight.view(3, 2, 64).abs().amax(-1) / 31).half().float()[..., None]
    rounded = ((weight.view(3, 2, 64) / plain).round().clamp(-32, 31) * plain).view(3, 128)
    assert float((again - weight).norm()) <= float((rounded - weight).norm())


def test_a_file_with_all_kinds_reads_as_plain_weights(tmp_path: Path) -> None:
    quantised, scale = quantise_rows(torch.tensor([[1.0, -2.0]]))
    tensors = {
        "a.weight.int8": quantised, "a.weight.scale": scale, "b.scale": torch.ones(2),
        "c.weight.q8_0": torch.tensor([[f16(1.0) + [7] * 32]], dtype=torch.uint8),
    }  # fmt: skip
    save_file(tensors, tmp_path / "w.safetensors")
    weights = read_weights(tmp_path / "w.safetensors")
    assert set(weights) == {"a.weight", "b.scale", "c.weight"}
    assert torch.allclose(weights["a.weight"], torch.tensor([[1.0, -2.0]]), atol=0.02)
    assert weights["c.weight"].tolist() == [[7.0] * 32]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    base = make_base(folder / "base")
    llava = load_base(base, projector_pooling=2)
    add_lora(llava, LoraSettings(4, 8.0))
    torch.manual_seed(1)
    for name, parameter in llava.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    save_adapter(folder, llava.state_dict())
    record = Calibration(2.0, 0.1, 0.6, (0.4, 0.6), "20 drawn pictures", {"auc": 0.9})
    info = CheckpointInfo(
        "tiny", "base", "tiny base", "chatml", Preprocessing(32, ("square",)), 2, LoraSettings(4, 8.0), 3.0,
        calibration={ScoreKind.BEFORE: record},
    )  # fmt: skip
    write_info(folder, info)
    return folder


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "model"))


def test_everything_comes_back(checkpoint: Path) -> None:
    info = read_info(checkpoint)
    assert info.tau == 3.0
    assert info.preprocessing.views == ("square",)
    assert info.lora == LoraSettings(4, 8.0)
    assert info.calibration[ScoreKind.BEFORE].inconclusive_band == (0.4, 0.6)
    one, two = (load_any(checkpoint).llava.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not any("lora" in name for name in one)  # merged


def test_merging_changes_nothing_but_rounding(checkpoint: Path) -> None:
    merged = load_checkpoint(checkpoint).llava
    llava = load_base(checkpoint / "base", projector_pooling=2)
    add_lora(llava, LoraSettings(4, 8.0))
    stored = {n: t.float() for n, t in load_file(checkpoint / ADAPTER).items()}
    llava.load_state_dict(
        {
            n.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default."): t
            for n, t in stored.items()
        },
        strict=False,
    )
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode():
        assert torch.allclose(merged(input_ids=ids).logits, llava.eval()(input_ids=ids).logits, atol=1e-3)


@pytest.mark.parametrize("name", [ADAPTER, "base/model.safetensors", "base/tokenizer.json"])
def test_a_damaged_file_is_named(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match="damaged") as caught:
        load_checkpoint(copy)
    assert Path(name).name in caught.value.message


def test_a_missing_or_truncated_file_is_named(copy: Path) -> None:
    (copy / "base" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors is missing"):
        load_checkpoint(copy)


def test_an_adapter_of_another_model_is_refused(copy: Path) -> None:
    tensors = load_file(copy / ADAPTER)
    first = next(name for name in tensors if "lora_A" in name)
    tensors[first] = torch.zeros(7, 7)
    save_file(tensors, copy / ADAPTER)
    write_info(copy, read_info(copy))
    with pytest.raises(ModelError, match=r"does not fit"):
        load_checkpoint(copy)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 99}, "format 99"),
        ({"prompt_version": "0"}, "prompt version 0"),
        ({"tau": "warm"}, "is damaged"),
        ({"tau": 0}, "tau"),
        ({"tau": float("nan")}, "tau"),
        ({"template": "alpaca"}, "alpaca"),
        ({"name": 5}, "name must be a text"),
        ({"files": {}}, "no digest of adapter"),
        ({"files": [1]}, "no digest of adapter"),
        ({"files": {"adapter.safetensors": "0", "../../secret": "0"}}, "in the model's folder"),
        ({"card": ["a"]}, "is damaged"),
        ({"preprocessing": {"size_px": 32, "views": ["square"], "mean": [0.1], "std": [1, 1, 1]}}, "three numbers"),
        ({"calibration": {"middle": {}}}, "middle"),
        (
            {
                "calibration": {
                    "before": {
                        "temperature": -1,
                        "bias": 0,
                        "threshold": 0.5,
                        "inconclusive_band": [0, 1],
                        "fitted_on": "",
                    }
                }
            },
            "out of range",
        ),
    ],
)
def test_a_manifest_that_cannot_be_meant(copy: Path, change: dict[str, object], told: str) -> None:
    data = json.loads((copy / MANIFEST).read_text("utf-8")) | change
    (copy / MANIFEST).write_text(json.dumps(data), "utf-8")
    with pytest.raises(ModelError, match=told):
        read_info(copy)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bias": float("nan")}, "out of range"),
        ({"threshold": 0.9}, "within its band"),
        ({"metrics": [1]}, "is damaged"),
        ({"metrics": {"auc": float("inf")}}, "measured auc"),
        ({"by_kind": {"photo": "x"}}, "is damaged"),
        ({"fitted_on": 3}, "fitted_on must be a text"),
    ],
)
def test_a_calibration_that_cannot_be_meant(copy: Path, change: dict[str, object], told: str) -> None:
    data = json.loads((copy / MANIFEST).read_text("utf-8"))
    data["calibration"]["before"] |= change
    (copy / MANIFEST).write_text(json.dumps(data), "utf-8")
    with pytest.raises(ModelError, match=told):
        read_info(copy)


@pytest.mark.parametrize("content", ["[1]", "", "{", "null", "[" * 100_000])
def test_a_manifest_that_is_none(copy: Path, content: str) -> None:
    (copy / MANIFEST).write_text(content, "utf-8")
    with pytest.raises(ModelError, match="is damaged") as caught:
        read_info(copy)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("part", ["lora_A", "lora_B", "multi_modal_projector"])
def test_an_adapter_that_lacks_a_weight_is_no_model(copy: Path, part: str) -> None:
    tensors = load_file(copy / ADAPTER)
    del tensors[next(name for name in tensors if part in name)]
    save_file(tensors, copy / ADAPTER)
    write_info(copy, read_info(copy))
    with pytest.raises(ModelError, match="is incomplete"):
        load_checkpoint(copy)


def test_weights_that_are_no_numbers_are_no_model(copy: Path) -> None:
    tensors = load_file(copy / ADAPTER)
    name = next(name for name in tensors if "lora_B" in name)
    tensors[name][0, 0] = float("nan")
    save_file(tensors, copy / ADAPTER)
    write_info(copy, read_info(copy))
    with pytest.raises(ModelError, match="no number"):
        load_checkpoint(copy)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("text_config", "hidden_size"), 33),
        (("vision_config", "hidden_size"), 33),
        (("text_config", "intermediate_size"), 80),
        (("image_token_id",), 999_999),
        ((), []),
    ],
)
def test_a_base_that_contradicts_itself_is_one_line(copy: Path, path: tuple[str, ...], value: object) -> None:
    config = copy / "base" / "config.json"
    data = json.loads(config.read_text("utf-8"))
    if path:
        inner = data
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
    else:
        data = value
    config.write_text(json.dumps(data), "utf-8")
    write_info(copy, read_info(copy))
    with pytest.raises(ModelError) as caught:
        load_checkpoint(copy)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 500


def test_pictures_of_another_size_than_the_tower_s(copy: Path) -> None:
    data = json.loads((copy / MANIFEST).read_text("utf-8"))
    data["preprocessing"]["size_px"] = 40
    (copy / MANIFEST).write_text(json.dumps(data), "utf-8")
    with pytest.raises(ModelError, match="40 px"):
        load_checkpoint(copy)


def test_a_base_elsewhere_that_is_gone(copy: Path) -> None:
    data = json.loads((copy / MANIFEST).read_text("utf-8"))
    data["base"] = str(copy / "gone")
    (copy / MANIFEST).write_text(json.dumps(data), "utf-8")
    with pytest.raises(ModelError, match="there is no base model"):
        load_checkpoint(copy)


def test_no_model_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no fakescan\.json"):
        load_any(tmp_path)


def test_a_plain_llava_of_transformers_is_taken_as_it_is(checkpoint: Path) -> None:
    loaded = load_any(checkpoint / "base")
    assert loaded.info.tau == 10.0
    assert loaded.info.template == "chatml"
    assert not loaded.info.calibration


def test_a_large_table_is_unpacked_in_parts_to_the_same_numbers() -> None:
    blocks = torch.randint(0, 256, (9_000, 2, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    blocks[..., 1] = 40  # the upper byte of a scale that is a number
    rows = torch.cat([dequantise_q6(row) for row in blocks[[0, 4_095, 4_096, 8_999]].split(1)])
    assert torch.equal(dequantise_q6(blocks)[[0, 4_095, 4_096, 8_999]], rows)


def test_no_weight_keeps_its_file_mapped(tmp_path: Path) -> None:
    stored = tmp_path / "weights.safetensors"
    save_file({"norm": torch.ones(4)}, stored)
    found = read_weights(stored)["norm"]
    assert found.untyped_storage().nbytes() == 16
    mapped = Path("/proc/self/maps")
    if mapped.is_file():
        assert str(stored) not in mapped.read_text()
