"""Models of other people's layouts: what comes out is what went in, in every form that they are published in."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import LlavaForConditionalGeneration

from fakescan import engines
from fakescan.core.records import LogitPair, Prediction, ScoreKind
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import EngineOptions, PlainEngine
from fakescan.engines.slot import SlotEngine
from fakescan.errors import ConfigError, ModelError, ReportError
from fakescan.model.build import encoder_outputs, image_embeddings, load_base, tower_features
from fakescan.model.checkpoints import load_any
from fakescan.model.checkpoints.files import open_weights
from fakescan.model.checkpoints.foreign import Places
from fakescan.model.checkpoints.importing import Wishes, import_model
from fakescan.model.checkpoints.ours import LoadedModel, read_info
from fakescan.model.checkpoints.whole import plan, write_weights
from fakescan.model.images import pixel_values
from tests.support.engines import predictions
from tests.support.engines import same as same_answer
from tests.support.foreign import (
    LAYERS,
    LINEARS,
    PATCHES,
    Weights,
    all_weights,
    dino_weights,
    maker,
    v2_visual_tokens,
    write_adapter,
    write_clip,
    write_original,
)
from tests.tiny import make_base

RNG = np.random.default_rng(0)
PICTURES = [Image.fromarray(RNG.integers(0, 255, (40, 30 + 20 * n, 3), dtype=np.uint8)) for n in range(3)]


class Picture:
    views = None

    def __init__(self, image: Image.Image) -> None:
        self.image, self.sha256 = image, "0" * 64


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_clip(folder / "clip")
    write_original(folder / "v2", all_weights(dual=True), dual=True)
    write_original(folder / "llava", all_weights(dual=False), dual=False)
    return folder


@pytest.fixture(scope="module")
def v2(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("ours") / "v2"
    import_model(Places(sources / "v2", clip=sources / "clip"), target)
    return target


def visual_tokens(model: LoadedModel) -> torch.Tensor:
    with torch.inference_mode():
        pixels = pixel_values(PICTURES, model.info.preprocessing)
        return image_embeddings(model.llava, tower_features(model.llava, pixels), 1)


def same(one: LoadedModel, two: LoadedModel, most: float = 0.0) -> bool:
    ours, theirs = one.llava.state_dict(), two.llava.state_dict()
    return ours.keys() == theirs.keys() and all(
        float((ours[name].float() - theirs[name].float()).abs().max()) <= most for name in ours
    )


def test_v2_sees_what_its_arithmetic_says(v2: Path) -> None:
    model = load_any(v2)
    pixels = pixel_values(PICTURES, model.info.preprocessing)
    expected = v2_visual_tokens(all_weights(dual=True), pixels)
    assert expected.std() > 0.1
    assert torch.allclose(visual_tokens(model), expected, atol=2e-5)


def test_v2_runs_through_the_engine_and_equals_a_plain_forward_pass(v2: Path) -> None:
    own = engines.load("plain", model=str(v2), device="cpu", batch_size=2)
    quick = engines.load(model=str(v2), device="cpu", batch_size=2)
    assert isinstance(own, PlainEngine)
    assert isinstance(quick, SlotEngine)
    own.options = quick.options = EngineOptions(2, ScoreKind.AFTER, caption_limit_tokens=4, reasoning_limit_tokens=4)
    pictures = [Picture(image) for image in PICTURES]
    outcomes = own.infer(pictures)
    for one, two in zip(predictions(outcomes), predictions(quick.infer(pictures)), strict=True):
        assert same_answer(one, two)
    assert own.info.decides is ScoreKind.AFTER
    visual = visual_tokens(load_any(v2))
    for row, outcome in enumerate(outcomes):
        assert isinstance(outcome, Prediction)
        assert outcome.steered_to is None
        assert outcome.stages[-1].text.startswith("This image is ")
        ids = torch.tensor([[*own.prompt.head, *own.prompt.before]])
        assert int((ids == own.prompt.image_id).sum()) == PATCHES
        with torch.inference_mode():
            found = encoder_outputs(visual[row : row + 1])
            logits = own.llava(input_ids=ids, mm_encoder_outputs=found).logits[0, -1]
        assert isinstance(outcome.before, LogitPair)
        assert outcome.before.real == pytest.approx(float(logits[own.anchors.real_id]), abs=1e-4)
        assert outcome.before.fake == pytest.approx(float(logits[own.anchors.fake_id]), abs=1e-4)


def test_v2_in_half_precision_is_close(v2: Path) -> None:
    exact, half = load_any(v2), load_any(v2, torch.float16)
    assert {tensor.dtype for tensor in half.llava.state_dict().values()} == {torch.float16}
    with torch.inference_mode():
        pixels = pixel_values(PICTURES, half.info.preprocessing).half()
        rounded = image_embeddings(half.llava, tower_features(half.llava, pixels), 1)
    assert rounded.dtype == torch.float16
    assert torch.allclose(rounded.float(), visual_tokens(exact), atol=3e-2)


def test_towers_may_lie_in_files_of_their_own(sources: Path, v2: Path, tmp_path: Path) -> None:
    bare = {name: w for name, w in all_weights(dual=True).items() if "_tower." not in name}
    write_original(tmp_path / "bare", bare, dual=True)
    weights = all_weights(dual=True)
    prefix = "model.dino_tower.vision_tower."
    dino = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    torch.save(dino, tmp_path / "dino.pth")
    places = Places(tmp_path / "bare", clip=sources / "clip", dino=tmp_path / "dino.pth")
    import_model(places, tmp_path / "ours")
    assert same(load_any(tmp_path / "ours"), load_any(v2))
    for missing, option in (
        (Places(tmp_path / "bare", dino=tmp_path / "dino.pth"), "--clip"),
        (Places(tmp_path / "bare", clip=sources / "clip"), "--dino"),
    ):
        with pytest.raises(ModelError) as caught:
            import_model(missing, tmp_path / "not")
        assert option in caught.value.hint


def test_given_towers_go_before_those_inside(sources: Path, tmp_path: Path) -> None:
    other = dino_weights(maker(77))
    save_file(other, tmp_path / "dino.safetensors")
    import_model(Places(sources / "v2", clip=sources / "clip", dino=tmp_path / "dino.safetensors"), tmp_path / "ours")
    tower = load_any(tmp_path / "ours").llava.model.vision_tower.dino
    assert torch.equal(tower.cls_token, other["cls_token"])


def test_adapters_over_a_base_are_the_merged_model(sources: Path, tmp_path: Path) -> None:
    """The form that v2's training writes: a base without fusion, adapters, and a file of what was trained whole."""
    weights = all_weights(dual=True)
    fused = {name: w for name, w in weights.items() if "crossattention" in name or "mm_projector" in name}
    base = {name: w for name, w in weights.items() if "crossattention" not in name}
    base |= {name: torch.zeros_like(w) for name, w in base.items() if "mm_projector" in name}
    write_original(tmp_path / "base", base, dual=True)
    updates = write_adapter(tmp_path / "lora")
    torch.save({f"base_model.model.{n}": w for n, w in fused.items()}, tmp_path / "lora" / "non_lora_trainables.bin")
    shutil.copy(sources / "v2" / "config.json", tmp_path / "lora" / "config.json")
    import_model(Places(tmp_path / "lora", tmp_path / "base", sources / "clip"), tmp_path / "ours")
    merged = {name: w + updates.get(name, 0) for name, w in weights.items()}
    write_original(tmp_path / "merged", merged, dual=True)
    import_model(Places(tmp_path / "merged", clip=sources / "clip"), tmp_path / "whole")
    assert same(load_any(tmp_path / "ours"), load_any(tmp_path / "whole"), 1e-5)
    with pytest.raises(ModelError, match="somebody/base") as caught:
        import_model(Places(tmp_path / "lora", clip=sources / "clip"), tmp_path / "not")
    assert "--base" in caught.value.hint


def test_llava_in_torch_files_of_several_parts(sources: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sources / "llava", tmp_path / "llava"))
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {f"pytorch_model-0000{part + 1}-of-00002.bin": names[part::2] for part in range(2)}
    for file, chosen in parts.items():
        torch.save({name: weights[name].half() for name in chosen}, folder / file)
    index = {"weight_map": {name: file for file, chosen in parts.items() for name in chosen}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), "utf-8")
    import_model(Places(folder, clip=sources / "clip"), tmp_path / "ours", Wishes(dtype="float32"))
    model = load_any(tmp_path / "ours")
    head = model.llava.lm_head.weight
    assert torch.equal(head, weights["lm_head.weight"].half().float())
    assert torch.equal(
        model.llava.model.multi_modal_projector.linear_2.weight, weights["model.mm_projector.2.weight"].half().float()
    )
    assert (model.info.template, model.info.answer.conclusion) == ("vicuna_v1", "long")


def test_a_number_format_is_kept_or_chosen(sources: Path, tmp_path: Path) -> None:
    place = Places(sources / "llava", clip=sources / "clip")
    import_model(place, tmp_path / "half", Wishes(dtype="float16"))
    stored = open_weights(tmp_path / "half" / "base")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert load_any(tmp_path / "half", torch.float16).llava.dtype == torch.float16
    assert load_any(tmp_path / "half").llava.dtype == torch.float32


@pytest.fixture
def huggingface(tmp_path: Path) -> Path:
    """Transformers' layout with the class token left out, as LLaVA-1.5 has it."""
    folder = make_base(tmp_path / "hf")
    data = json.loads((folder / "config.json").read_text("utf-8"))
    data |= {"vision_feature_layer": -2, "vision_feature_select_strategy": "default"}
    (folder / "config.json").write_text(json.dumps(data), "utf-8")
    weights = load_file(folder / "model.safetensors")
    first = "multi_modal_projector.linear_1.weight"
    weights[first] = weights[first][:, :32].contiguous()
    save_file(weights, folder / "model.safetensors")
    return folder


def test_transformers_layout_with_an_adapter_is_what_peft_merges(huggingface: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = LlavaForConditionalGeneration.from_pretrained(huggingface, dtype=torch.float32)
        settings = LoraConfig(
            r=4, lora_alpha=16, use_rslora=True, target_modules=r".*language_model.*\.(q_proj|down_proj)",
            modules_to_save=["multi_modal_projector"],
        )  # fmt: skip
        wrapped = get_peft_model(theirs, settings)
        torch.manual_seed(3)
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                torch.nn.init.normal_(parameter, std=0.3)
        wrapped.save_pretrained(tmp_path / "adapter")
        merged = wrapped.merge_and_unload().eval()
    import_model(Places(tmp_path / "adapter", huggingface), tmp_path / "ours")
    ours = load_any(tmp_path / "ours").llava
    ids = torch.tensor([[5, *[ours.config.image_token_id] * 16, 30, 40, 50]])
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        one, two = (model(input_ids=ids, pixel_values=pixels).logits for model in (ours, merged))
        plain = load_any(huggingface).llava(input_ids=ids, pixel_values=pixels).logits
    assert torch.allclose(one, two, atol=1e-4)
    assert not torch.allclose(one, plain, atol=1e-2)


def test_transformers_layout_runs_with_and_without_conversion(huggingface: Path, tmp_path: Path) -> None:
    import_model(Places(huggingface), tmp_path / "ours")
    assert same(load_any(tmp_path / "ours"), load_any(huggingface))
    info = read_info(tmp_path / "ours")
    assert info.preprocessing.views == ("pad",)
    assert set(info.files) >= {"base/model.safetensors", "base/config.json", "base/tokenizer.json"}


def test_how_pictures_are_made_square_comes_from_the_processor(huggingface: Path) -> None:
    processor = huggingface / "preprocessor_config.json"
    for told, view in (({"do_pad": False}, "crop"), ({}, "pad"), ({"do_pad": True}, "pad")):
        processor.write_text(json.dumps(told | {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}), "utf-8")
        prep = load_any(huggingface).info.preprocessing
        assert (prep.views, prep.mean, prep.std) == ((view,), (0.5,) * 3, (0.25,) * 3)
    for wrong in (
        {"image_mean": [0.5]},
        {"image_std": [0, 1, 1]},
        {"image_mean": ["a", 1, 1]},
        {"image_std": [9e9] * 3},
    ):
        processor.write_text(json.dumps(wrong), "utf-8")
        with pytest.raises(ModelError, match="is damaged"):
            load_any(huggingface)


def test_what_the_original_config_says_of_pictures(sources: Path, tmp_path: Path) -> None:
    for aspect, view in (("pad", "pad"), ("square", "crop"), (None, "crop")):
        folder = write_original(tmp_path / f"m{aspect}", all_weights(dual=False), dual=False, image_aspect_ratio=aspect)
        import_model(Places(folder, clip=sources / "clip"), tmp_path / f"ours{aspect}")
        assert read_info(tmp_path / f"ours{aspect}").preprocessing.views == (view,)


def test_prompt_and_tau_travel_with_the_checkpoint(sources: Path, tmp_path: Path) -> None:
    wishes = Wishes(name="mine", template="vicuna_v1", conclusion="long", separator="blank", view="square", tau=3.5)
    import_model(Places(sources / "v2", clip=sources / "clip"), tmp_path / "ours", wishes)
    info = read_info(tmp_path / "ours")
    assert (info.name, info.template, info.tau, info.preprocessing.views) == ("mine", "vicuna_v1", 3.5, ("square",))
    assert info.prompt_id != info.prompt_version
    own = PlainEngine(load_any(tmp_path / "ours"), choose_placement("cpu", "float32"), EngineOptions())
    conclusion = own.tokenizer.decode(list(own.prompt.conclusion))
    assert conclusion.strip() == "<CONCLUSION> Based on the analysis above, this image is"
    assert "\n" not in own.tokenizer.decode(list(own.prompt.opening[None]))


def test_a_checkpoint_of_our_own_is_gathered_with_its_base(tmp_path: Path) -> None:
    from fakescan.model.build import LoraSettings, add_lora
    from fakescan.model.checkpoints.ours import CheckpointInfo, save_adapter, write_info
    from fakescan.model.images import Preprocessing

    base = make_base(tmp_path / "far away")
    llava = load_base(base, projector_pooling=2)
    add_lora(llava, LoraSettings(2, 4.0))
    save_adapter(tmp_path / "mine", llava.state_dict())
    facts = CheckpointInfo(
        "mine", str(base), "a base", "chatml", Preprocessing(32, ("square",)), 2, LoraSettings(2, 4.0), 2.5
    )
    write_info(tmp_path / "mine", facts)
    before = load_any(tmp_path / "mine")
    import_model(Places(tmp_path / "mine"), tmp_path / "ours")
    shutil.rmtree(base)
    with pytest.raises(ModelError):
        load_any(tmp_path / "mine")
    assert same(before, load_any(tmp_path / "ours"))
    assert str(tmp_path) not in (tmp_path / "ours" / "fakescan.json").read_text("utf-8")
    with pytest.raises(ConfigError):
        import_model(Places(tmp_path / "ours"), tmp_path / "again", Wishes(tau=1.0))


def test_v2_s_base_is_no_model_but_can_be_trained_from(sources: Path, tmp_path: Path) -> None:
    write_original(tmp_path / "mof", all_weights(dual=True, fused=False), dual=True)
    places = Places(tmp_path / "mof", clip=sources / "clip")
    with pytest.raises(ModelError, match="no fusion") as caught:
        import_model(places, tmp_path / "not")
    assert "--for-training" in caught.value.hint
    import_model(places, tmp_path / "base", Wishes(for_training=True))
    with pytest.raises(ModelError, match="not trained"):
        load_any(tmp_path / "base")
    fresh = [load_base(tmp_path / "base").model.multi_modal_projector.fusion.query.weight for _ in range(2)]
    assert torch.equal(*fresh)
    assert 0 < float(fresh[0].detach().std()) < 1


def test_a_new_folder_is_whole_or_not_there(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("x", "utf-8")
    with pytest.raises(ReportError, match="there already"):
        import_model(Places(sources / "llava", clip=sources / "clip"), taken)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fakescan.model.checkpoints.whole.save_file", full)
    with pytest.raises(ReportError, match="No space left"):
        import_model(Places(sources / "llava", clip=sources / "clip"), tmp_path / "ours")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_licences_come_along(sources: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sources / "llava", tmp_path / "llava"))
    (folder / "LICENSE.txt").write_text("terms", "utf-8")
    import_model(Places(folder, clip=sources / "clip"), tmp_path / "ours")
    assert (tmp_path / "ours" / "LICENSE.txt").read_text("utf-8") == "terms"
    assert "LICENSE.txt" in read_info(tmp_path / "ours").files


def test_parts_hold_every_weight_once(tmp_path: Path) -> None:
    assert plan({"a": 3, "b": 3, "c": 9, "d": 1}, 6) == [["a", "b"], ["c"], ["d"]]
    weights: Weights = {f"w{n}": torch.randn(8, 8) for n in range(5)} | {"tied": torch.ones(4)}
    save_file(weights, tmp_path / "in.safetensors")
    stored = open_weights(tmp_path / "in.safetensors")
    told: list[tuple[int, int]] = []
    write_weights(tmp_path, stored | {"again": stored["tied"]}, None, "x", lambda *done: told.append(done), 600)
    assert len(list(tmp_path.glob("model-*.safetensors"))) == len(told) == 3
    back = open_weights(tmp_path)
    assert set(back) == {*weights, "again"}
    assert all(torch.equal(back[name].read(), weights[name]) for name in weights)


def test_every_linear_of_the_adapter_is_meant() -> None:
    assert len(LINEARS) * LAYERS == 14
