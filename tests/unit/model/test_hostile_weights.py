"""Checkpoints that are broken or mean harm: one line that says what is wrong, nothing run, nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fakescan.errors import FakescanError, ModelError
from fakescan.model.checkpoints import load_any
from fakescan.model.checkpoints.files import open_weights
from fakescan.model.checkpoints.foreign import Places
from fakescan.model.checkpoints.importing import import_model
from tests.support.foreign import all_weights, write_adapter, write_clip, write_original

FIRST = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    write_clip(folder / "clip")
    write_original(folder / "model", all_weights(dual=True), dual=True)
    write_adapter(folder / "lora")
    return folder


@pytest.fixture
def model(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine / "model", tmp_path / "model"))


def refused(model: Path, pristine: Path, base: Path | None = None) -> str:
    target = model.parent / "ours"
    with pytest.raises(FakescanError) as caught:
        import_model(Places(model, base, pristine / "clip"), target)
    assert not list(model.parent.glob("ours*"))
    message = caught.value.message
    assert "\n" not in message
    assert len(message) < 600
    return message


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_a_truncated_file(model: Path, pristine: Path) -> None:
    path = model / "model.safetensors"
    whole = path.read_bytes()
    for length in (0, 4, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "model.safetensors cannot be read" in refused(model, pristine)


@pytest.mark.parametrize("length", [2**63, 2**40, 200_000_000])
def test_a_header_that_claims_to_be_huge(model: Path, pristine: Path, length: int) -> None:
    (model / "model.safetensors").write_bytes(struct.pack("<Q", length) + b"{" * 64)
    assert "cannot be read" in refused(model, pristine)


def test_a_header_that_lies_about_offsets(model: Path, pristine: Path) -> None:
    header = json.dumps({FIRST: {"dtype": "F32", "shape": [1 << 40, 4], "data_offsets": [0, 16]}}).encode()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    assert "cannot be read" in refused(model, pristine)


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a\\b.safetensors", "..", "", "C:x", "a\0b"])
def test_an_index_that_points_outside_of_the_folder(model: Path, pristine: Path, name: str) -> None:
    save_file({FIRST: torch.zeros(2)}, model.parent / "secret.safetensors")
    index = {"weight_map": {FIRST: name}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    assert "no file of this folder" in refused(model, pristine)


@pytest.mark.parametrize("index", ["[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "{", "[" * 100_000])
def test_an_index_that_is_none(model: Path, pristine: Path, index: str) -> None:
    (model / "model.safetensors.index.json").write_text(index, "utf-8")
    assert "index.json" in refused(model, pristine)


def test_an_index_with_a_part_that_is_not_there(model: Path, pristine: Path) -> None:
    (model / "model.safetensors.index.json").write_text('{"weight_map": {"a": "part.safetensors"}}', "utf-8")
    assert "part.safetensors is missing" in refused(model, pristine)


@pytest.mark.parametrize(
    "name", [FIRST, "lm_head.weight", "model.mm_projector.2.bias", "model.crossattention.norm.1.b_2",
             "model.dino_tower.vision_tower.blocks.1.ls2.gamma", "model.dino_tower.vision_tower.pos_embed",
             "model.crossattention.ffn.0.mlp.fc.linear.weight"],
)  # fmt: skip
def test_a_weight_that_is_missing(model: Path, pristine: Path, name: str) -> None:
    change_weights(model, lambda weights: weights.pop(name))
    assert "missing" in refused(model, pristine)


@pytest.mark.parametrize(
    ("name", "shape"),
    [(FIRST, (32, 31)), ("model.norm.weight", (33,)), ("model.crossattention.attention_mlp.mlp.0.weight", (8, 16)),
     ("model.dino_tower.vision_tower.pos_embed", (1, 12, 32)), ("model.dino_tower.vision_tower.pos_embed", (32,)),
     ("model.dino_tower.vision_tower.patch_embed.proj.weight", (32, 3, 14, 13)),
     ("model.mm_projector.0.weight", (32, 25))],
)  # fmt: skip
def test_a_weight_of_another_shape(model: Path, pristine: Path, name: str, shape: tuple[int, ...]) -> None:
    change_weights(model, lambda weights: weights.update({name: torch.zeros(shape)}))
    refused(model, pristine)


def test_a_weight_that_is_not_known(model: Path, pristine: Path) -> None:
    change_weights(model, lambda weights: weights.update({"model.extra.weight": torch.zeros(2)}))
    assert "model.extra.weight has no place" in refused(model, pristine)


def test_a_weight_that_is_no_number(model: Path, pristine: Path) -> None:
    change_weights(model, lambda weights: weights[FIRST].view(-1)[3:4].fill_(float("nan")))
    assert "no number" in refused(model, pristine)
    change_weights(model, lambda weights: weights.update({FIRST: torch.zeros(32, 32, dtype=torch.int64)}))
    assert "floating-point" in refused(model, pristine)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"num_hidden_layers": 3}, "missing"),
        ({"num_hidden_layers": 1}, "no place"),
        ({"hidden_size": -1}, ""),
        ({"hidden_size": "wide"}, ""),
        ({"vocab_size": 2**40}, ""),
        ({"num_attention_heads": 5}, ""),
        ({"mm_projector_type": "linear"}, "mm_projector_type"),
        ({"mm_use_im_start_end": True}, "mm_use_im_start_end"),
        ({"rope_scaling": {"type": "linear"}}, "rope_scaling"),
        ({"mm_vision_select_layer": "last"}, "mm_vision_select_layer"),
        ({"image_aspect_ratio": "anyres"}, "anyres"),
        ({"model_type": "bert"}, ""),
        ({"mm_vision_select_feature": "cls_patch"}, ""),
    ],
)
def test_a_config_that_cannot_be_meant(model: Path, pristine: Path, changes: dict[str, Any], told: str) -> None:
    change_config(model, **changes)
    assert told in refused(model, pristine)


def test_a_tower_of_absurd_size(model: Path, pristine: Path) -> None:
    clip = Path(shutil.copytree(pristine / "clip", model.parent / "clip"))
    change_config(clip, image_size=1 << 20)
    assert "image_size" in refused(model, clip.parent)


class Harm:
    """What a pickle may do when it is loaded without care."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["HARM"],)


@pytest.mark.parametrize("kind", ["zip", "pickle"])
def test_no_code_of_a_torch_file_is_run(
    model: Path, pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("HARM", str(tmp_path / "harmed"))
    (model / "model.safetensors").unlink()
    if kind == "zip":
        torch.save({FIRST: Harm()}, model / "pytorch_model.bin")
    else:
        (model / "pytorch_model.bin").write_bytes(pickle.dumps({FIRST: Harm()}))
    assert "pytorch_model.bin cannot be read" in refused(model, pristine)
    assert not (tmp_path / "harmed").exists()


def test_torch_files_that_claim_more_than_they_hold(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(1 << 20, 1 << 20)}, tmp_path / "wide.bin")
    with pytest.raises(ModelError, match="more numbers than the file holds"):
        open_weights(tmp_path / "wide.bin")
    torch.save({"a": torch.zeros(1 << 16)}, tmp_path / "plain.bin")
    with zipfile.ZipFile(tmp_path / "plain.bin") as old, zipfile.ZipFile(tmp_path / "tight.bin", "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry), zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="compressed"):
        open_weights(tmp_path / "tight.bin")
    torch.save([torch.zeros(2)], tmp_path / "list.bin")
    with pytest.raises(ModelError, match="by name"):
        open_weights(tmp_path / "list.bin")
    torch.save({"a": torch.zeros(3, 3).to_sparse()}, tmp_path / "sparse.bin")
    with pytest.raises(ModelError, match="plain tensor"):
        open_weights(tmp_path / "sparse.bin")


def adapter(pristine: Path, model: Path, **changes: Any) -> Path:
    folder = Path(shutil.copytree(pristine / "lora", model.parent / "lora"))
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"use_dora": True}, "use_dora"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"alpha_pattern": {"q_proj": 3}}, "alpha_pattern"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"lora_alpha": "many"}, "lora_alpha"),
    ],
)
def test_an_adapter_of_a_kind_that_cannot_be_folded_in(
    model: Path, pristine: Path, changes: dict[str, Any], told: str
) -> None:
    assert told in refused(adapter(pristine, model, **changes), pristine, model)


@pytest.mark.parametrize("fault", ["half", "rank", "shape", "name", "vector", "embedding", "none"])
def test_an_adapter_that_does_not_fit(model: Path, pristine: Path, fault: str) -> None:
    folder = adapter(pristine, model)
    weights = load_file(folder / "adapter_model.safetensors")
    low = f"base_model.model.{FIRST.removesuffix('.weight')}.lora_A.weight"
    match fault:
        case "half":
            weights.pop(low)
        case "rank":
            weights[low] = torch.zeros(3, 32)
        case "shape":
            weights[low] = torch.zeros(4, 31)
        case "name":
            weights["base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"] = torch.zeros(4, 32)
            weights["base_model.model.model.layers.7.self_attn.q_proj.lora_B.weight"] = torch.zeros(32, 4)
        case "vector":
            weights[low] = torch.zeros(4)
        case "embedding":
            weights["base_model.model.model.embed_tokens.lora_embedding_A"] = torch.zeros(4, 4)
        case _:
            weights = {"base_model.model.model.norm.weight": torch.zeros(32)}
    save_file(weights, folder / "adapter_model.safetensors")
    refused(folder, pristine, model)


def test_a_model_without_its_tokenizer(model: Path, pristine: Path) -> None:
    (model / "tokenizer.model").write_bytes(b"\x00garbage")
    assert "tokenizer" in refused(model, pristine)
    (model / "tokenizer.model").unlink()
    assert "holds no tokenizer" in refused(model, pristine)


def test_code_beside_a_model_is_not_asked_for(model: Path, pristine: Path) -> None:
    """A tokenizer that needs the repository's own code is refused, and the code is not run."""
    path = model / "tokenizer_config.json"
    data = json.loads(path.read_text("utf-8")) | {
        "tokenizer_class": "EvilTokenizer",
        "auto_map": {"AutoTokenizer": ["evil.EvilTokenizer", None]},
    }
    path.write_text(json.dumps(data), "utf-8")
    (model / "evil.py").write_text("raise SystemExit('code of a model was run')", "utf-8")
    (model / "config.json").write_text(
        json.dumps(json.loads((model / "config.json").read_text("utf-8")) | {"auto_map": {"AutoConfig": "evil.Evil"}}),
        "utf-8",
    )
    with contextlib.suppress(ModelError):  # whether it can do without is not the point here
        import_model(Places(model, clip=pristine / "clip"), model.parent / "ours")
    assert not list((model.parent / "ours").rglob("*.py"))
    for path in (model.parent / "ours").rglob("*.json"):
        assert "evil" not in path.read_text("utf-8"), path.name


def test_a_folder_that_holds_nothing_known(tmp_path: Path, pristine: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "layout that is known" in refused(empty, pristine)
    (empty / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    assert "layout that is known" in refused(empty, pristine)


def test_foreign_layouts_are_not_scanned_with_by_mistake(model: Path, pristine: Path) -> None:
    for folder, told in ((model, "must be converted"), (pristine / "lora", "joined with its base")):
        with pytest.raises(ModelError, match=told) as caught:
            load_any(folder)
        assert "fakescan model import" in caught.value.hint


def test_transformers_layout_with_a_hole_is_refused(tmp_path: Path) -> None:
    """transformers itself would fill it with noise and go on."""
    from tests.tiny import make_base

    folder = make_base(tmp_path / "hf")
    weights = load_file(folder / "model.safetensors")
    weights.pop("language_model.model.layers.1.mlp.up_proj.weight")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"up_proj\.weight is missing"):
        load_any(folder)


def test_a_whole_model_whose_manifest_lies(tmp_path: Path, model: Path, pristine: Path) -> None:
    target = tmp_path / "ours"
    import_model(Places(model, clip=pristine / "clip"), target)
    manifest = json.loads((target / "fakescan.json").read_text("utf-8"))
    for change, told in (
        ({"base": ".."}, "whole model"),
        ({"answer": {"conclusion": "maybe"}}, "maybe"),
        ({"answer": {"separator": "<script>"}}, "separated"),
        ({"answer": {"words": 1}}, "damaged"),
        ({"answer": []}, "damaged"),
        ({"projector_pooling": 2}, "whole model"),
        ({"projector_probe_units": 3}, "fits no projector"),
        ({"projector_pooling": 2, "projector_probe_units": -1}, "fits no projector"),
        ({"projector_pooling": 2, "projector_probe_units": 1 << 40}, "fits no projector"),
    ):
        (target / "fakescan.json").write_text(json.dumps(manifest | change), "utf-8")
        with pytest.raises(ModelError, match=told):
            load_any(target)
