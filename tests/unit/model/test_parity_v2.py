"""Parity with the authors' own code at toy size: v2 (two towers, fusion), merged and as adapters, and LLaVA-1.5."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from fakescan.engines.choosing import Greedy
from fakescan.engines.decoding import Sequences
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import EngineOptions, PlainEngine
from fakescan.model.build import encoder_outputs, image_embeddings, tower_features
from fakescan.model.checkpoints import load_any
from fakescan.model.checkpoints.foreign import Places
from fakescan.model.checkpoints.importing import Wishes, import_model
from fakescan.model.checkpoints.original import is_original
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.images import pixel_values
from fakescan.model.mapper import locate
from fakescan.model.prompt import TEMPLATES, build_prompt
from fakescan_trainer.config import LoraConfig, LossConfig, MapperConfig, ModelConfig, TrainConfig
from fakescan_trainer.encode import Batch
from fakescan_trainer.network import ForensicNetwork

IMAGES = ("a_square", "b_wide", "c_tall", "d_gray")
SLOT = -200
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    folder = shared / "parity"
    if not folder.is_dir():
        pytest.skip("the authors' numbers (shared/parity) are not there")
    return folder


@pytest.fixture(scope="module")
def imported(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every form that the same v2 comes in, and LLaVA-1.5, converted."""
    out = tmp_path_factory.mktemp("imported")
    v2 = golden / "v2"
    bare = out / "bare"
    bare.mkdir()
    for path in (v2 / "checkpoint").iterdir():
        if path.name != "model.safetensors":
            (bare / path.name).write_bytes(path.read_bytes())
    weights = load_file(v2 / "checkpoint" / "model.safetensors")
    save_file({name: w for name, w in weights.items() if "_tower." not in name}, bare / "model.safetensors")
    torch.save(load_file(v2 / "dino_tiny.safetensors"), out / "dino.pth")
    clip, dino = v2 / "clip_tower", v2 / "dino_tiny.safetensors"
    blank = Wishes(separator="blank")  # the toy's answers have blanks between their stages
    import_model(Places(v2 / "checkpoint", clip=clip), out / "merged", blank)
    import_model(Places(v2 / "lora", v2 / "base", clip, dino), out / "lora", blank)
    import_model(Places(bare, clip=clip, dino=out / "dino.pth"), out / "separate", blank)
    import_model(Places(golden / "llava15" / "checkpoint", clip=clip), out / "llava15", blank)
    return out


@pytest.fixture(scope="module")
def merged(imported: Path) -> LoadedModel:
    return load_any(imported / "merged")


@pytest.fixture(scope="module")
def inputs(golden: Path) -> Tensors:
    return load_file(golden / "v2" / "inputs.safetensors")


def expanded(inputs: Tensors, image_id: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, mask and labels with the one slot widened to a placeholder a visual token."""
    rows = []
    for ids, labels, mask in zip(inputs["input_ids"], inputs["labels"], inputs["attention_mask"], strict=True):
        at = int((ids == SLOT).nonzero()[0, 0])
        wide = torch.full((tokens,), image_id)
        none, seen = torch.full((tokens,), -100), torch.ones(tokens, dtype=torch.long)
        rows.append(
            [
                torch.cat([part[:at].long(), fill, part[at + 1 :].long()])
                for part, fill in ((ids, wide), (mask, seen), (labels, none))
            ]
        )
    ids, mask, labels = (torch.stack([row[number] for row in rows]) for number in range(3))
    return ids, mask, labels


def batch_of(model: LoadedModel, inputs: Tensors) -> Batch:
    ids, mask, labels = expanded(inputs, model.llava.config.image_token_id, 36)
    fake = inputs["forgery_labels"]
    empty = torch.zeros_like(ids)
    return Batch(
        ids, mask, labels, fake, torch.full_like(fake, -1), fake.float(), torch.ones(len(fake), dtype=torch.bool),
        empty, empty,
    )  # fmt: skip


def engine(model: LoadedModel) -> PlainEngine:
    return PlainEngine(model, choose_placement("cpu", "float32"), EngineOptions(batch_size=4, no_repeat_tokens=0))


def ended(end_id: int, row: int, tokens: list[int]) -> bool:
    return tokens[-1] == end_id


def close(ours: torch.Tensor, theirs: torch.Tensor, most: float = 5e-5) -> None:
    assert ours.shape == theirs.shape
    assert float((ours.detach() - theirs).abs().max()) <= most


def picture(golden: Path, name: str) -> Image.Image:
    return Image.open(golden / "v2" / "images" / f"{name}.png").convert("RGB")


def test_parity_of_pixels(golden: Path, merged: LoadedModel, inputs: Tensors) -> None:
    ours = pixel_values([picture(golden, name) for name in IMAGES], merged.info.preprocessing)
    assert torch.equal(ours, inputs["pixel_values"])


def test_parity_of_every_intermediate_tensor(golden: Path, merged: LoadedModel, inputs: Tensors) -> None:
    theirs = load_file(golden / "v2" / "intermediates.safetensors")
    llava, pixels = merged.llava, inputs["pixel_values"]
    tower, projector = llava.model.vision_tower, llava.model.multi_modal_projector
    fusion = projector.fusion
    with torch.inference_mode():
        hidden = tower.clip(pixels, output_hidden_states=True).hidden_states[-2]
        tokens, attention = tower.dino(pixels)
        clip, dino, between = projector.parts(tower_features(llava, pixels))
        asked, answering, bias = projector.clip(clip), projector.dino(dino), fusion.bias(between)
        mixed = fusion.attend(asked, answering, bias)
        first = fusion.norm_attention(asked + mixed)
        fed = fusion.feed(first)
        fused = image_embeddings(llava, tower_features(llava, pixels), 1)
        batch = batch_of(merged, inputs)
        seen: list[torch.Tensor] = []
        hook = llava.model.language_model.register_forward_pre_hook(
            lambda _, __, named: seen.append(named["inputs_embeds"]), with_kwargs=True
        )
        llava.model(input_ids=batch.ids, attention_mask=batch.mask, mm_encoder_outputs=encoder_outputs(fused))
        hook.remove()
    ours = {
        "clip_hidden_m2": hidden, "clip_features": clip, "dino_pos_embed_interp": tower.dino.positions(6),
        "dino_tokens": tower.dino.tokens(pixels), "dino_x_prenorm": tokens, "dino_features": dino,
        "dino_attn": attention, "clip_projected": asked, "dino_projected": answering, "attn_bias": bias,
        "fusion_mhatt": mixed, "fusion_norm0": first, "fusion_ffn": fed, "fused": fused,
        "expanded_labels": batch.targets, "expanded_attention_mask": batch.mask,
    }  # fmt: skip
    real = theirs["expanded_attention_mask"].bool()
    assert set(theirs) - set(ours) == {"inputs_embeds"}
    for name, tensor in ours.items():
        close(tensor.float(), theirs[name].float())
    close(seen[0][real], theirs["inputs_embeds"][real])
    assert torch.equal(between, attention[:, :, 1:, 1:])


@pytest.mark.parametrize("form", ["merged", "lora", "separate"])
def test_parity_of_logits_in_every_form(golden: Path, imported: Path, inputs: Tensors, form: str) -> None:
    model = load_any(imported / form)
    assert is_original(json.loads((golden / "v2" / "checkpoint" / "config.json").read_text("utf-8")))
    theirs = load_file(golden / "v2" / "outputs.safetensors")
    batch = batch_of(model, inputs)
    with torch.inference_mode():
        visual = image_embeddings(model.llava, tower_features(model.llava, inputs["pixel_values"]), 1)
        ours = model.llava(
            input_ids=batch.ids, attention_mask=batch.mask, mm_encoder_outputs=encoder_outputs(visual)
        ).logits
    real = batch.mask.bool()
    close(ours[real], theirs["logits"][real], 2e-4)


def test_parity_of_losses_and_gradients(golden: Path, imported: Path, inputs: Tensors) -> None:
    """Through the trainer's own network, in the order of its parameters."""
    theirs = json.loads((golden / "v2" / "losses_and_grads.json").read_text("utf-8"))
    for kind, loss in (
        ("lm", LossConfig(facl=0, cpm=0)),
        ("ce", LossConfig(facl=0, lm=0)),
        ("total", LossConfig(facl=0)),
    ):
        model = load_any(imported / "merged")
        config = TrainConfig(
            model=ModelConfig(lora=LoraConfig(rank=0)), loss=loss, mapper=MapperConfig(tau=10.0, trainable=False)
        )
        own = engine(model)
        assert own.anchors.patterns[0] == tuple(theirs["cpm_pattern_ids"])
        assert (own.anchors.real_id, own.anchors.fake_id) == (theirs["cpm_real_id"], theirs["cpm_fake_id"])
        # Theirs know one form of the conclusion, ours two: a row with the other form counts for nothing there.
        theirs_only = replace(own.anchors, patterns=own.anchors.patterns[:1])
        network = ForensicNetwork(model.llava, config, theirs_only).eval()
        for name, parameter in model.llava.named_parameters():
            parameter.requires_grad_("vision_tower" not in name)
        losses = network(batch_of(model, inputs), inputs["pixel_values"], "full")
        assert float(losses.total.detach()) == pytest.approx(theirs[f"{kind}_loss"], abs=1e-6)
        losses.total.backward()
        norms = {name: float(p.grad.norm()) for name, p in model.llava.named_parameters() if p.grad is not None}
        _compare_norms(norms, theirs["grad_norms"][kind])
        if kind == "total":
            _compare_gradients(model, load_file(golden / "v2" / "grads_total_selected.safetensors"))


def _ours(name: str) -> str:
    from fakescan.model.checkpoints.names import original

    found = original(name, dual=True)
    assert found is not None
    return found


def _compare_norms(ours: dict[str, float], theirs: dict[str, Any]) -> None:
    assert len(theirs) > 40
    for name, norm in theirs.items():
        if norm is None:
            continue
        assert ours[_ours(name)] == pytest.approx(norm, rel=1e-4, abs=1e-8), name


def _compare_gradients(model: LoadedModel, theirs: Tensors) -> None:
    own = dict(model.llava.named_parameters())
    assert theirs
    for name, gradient in theirs.items():
        close(own[_ours(name)].grad, gradient, 1e-6)


@pytest.mark.parametrize(("form", "count"), [("merged", 8), ("lora", 8), ("llava15", 4)])
def test_parity_of_greedy_texts(golden: Path, imported: Path, form: str, count: int) -> None:
    model = load_any(imported / form)
    own = engine(model)
    listed = json.loads((golden / "v2" / "generation.json").read_text("utf-8"))
    if form == "llava15":
        listed = json.loads((golden / "llava15" / "golden.json").read_text("utf-8"))["generation"]
    same = 0
    for entry in listed:
        template = {"v1": "vicuna_v1", "llava_v1": "llava_v1"}[entry["template"]]
        prompt = build_prompt(
            own.tokenizer, TEMPLATES[template], model.llava.config.image_token_id, 36, form=model.info.answer
        )
        ids = [*prompt.head, *prompt.free_opening]
        narrow = [ids[0], *[token for token in ids[1:] if token != prompt.image_id]]
        assert narrow == [token for token in entry["prompt_ids"] if token != SLOT]
        with torch.inference_mode():
            pixels = pixel_values([picture(golden, entry["image"])], model.info.preprocessing)
            visual = image_embeddings(model.llava, tower_features(model.llava, pixels), 1)
            sequences = Sequences(model.llava, 1)
            sequences.append([ids], visual)
            (tokens,), (logits,) = sequences.generate(
                Greedy(),
                partial(ended, prompt.end_id),
                160,
                [own.anchors.real_id, own.anchors.fake_id],
            )
        assert [1, *tokens] == entry["output_ids_with_bos_placeholder"]
        assert own._text(tokens) == entry["text"]
        if "cpm_step" in entry:
            index = int(locate(torch.tensor([tokens]), own.anchors.patterns[:1])[0])
            assert index == entry["cpm_step"]
            if index >= 0:
                assert float(logits[index][0]) == pytest.approx(entry["cpm_real_logit"], abs=1e-3)
                assert float(logits[index][1]) == pytest.approx(entry["cpm_fake_logit"], abs=1e-3)
        same += 1
    assert same == count


def test_parity_of_plain_llava(golden: Path, imported: Path, inputs: Tensors) -> None:
    model = load_any(imported / "llava15")
    theirs = load_file(golden / "llava15" / "outputs.safetensors")
    facts = json.loads((golden / "llava15" / "golden.json").read_text("utf-8"))
    batch = batch_of(model, inputs)
    with torch.inference_mode():
        visual = image_embeddings(model.llava, tower_features(model.llava, inputs["pixel_values"]), 1)
        logits = model.llava(
            input_ids=batch.ids, attention_mask=batch.mask, mm_encoder_outputs=encoder_outputs(visual)
        ).logits
    close(visual, theirs["image_features"])
    row = batch.mask[1].bool()
    close(logits[1][row], theirs["logits_sample1"][row], 2e-4)
    targets = batch.targets[:, 1:].reshape(-1)
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(len(targets), -1), targets)
    assert float(loss) == pytest.approx(facts["lm_loss"], abs=1e-6)


def test_parity_of_positions_at_real_size(golden: Path) -> None:
    from fakescan.model.dino import DinoSettings, DinoTower

    theirs = load_file(golden / "dino_pos518" / "pos.safetensors")
    tower = DinoTower(DinoSettings(37, 14, 4, 1, 1, 8))
    tower.pos_embed.data = theirs["pos_embed"]
    close(tower.positions(24), theirs["interpolated_336"], 1e-5)


def test_parity_of_the_real_model_s_names_and_shapes(golden: Path) -> None:
    """The 13B release has a place for each of its 1,516 weights, without its weights."""
    from fakescan.model.build import empty_model
    from fakescan.model.checkpoints import original
    from fakescan.model.checkpoints.files import Stored, check_against
    from fakescan.model.checkpoints.names import original as ours
    from fakescan.model.fusion import FUSION_KEY, fusion_to_dict

    listed = json.loads((golden / "full_13b_state_dict_keys.json").read_text("utf-8"))
    stored = {name: Stored(tuple(shape), torch.float16, lambda: torch.empty(0)) for name, shape in listed.items()}
    tensors = {found: s for name, s in stored.items() if (found := ours(name, dual=True)) is not None}
    toy = json.loads((golden / "v2" / "checkpoint" / "config.json").read_text("utf-8"))
    data = toy | {
        "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40,
        "num_key_value_heads": 40, "vocab_size": 32000, "mm_vision_tower": f"openai/{original.CLIP_L_336}",
    }  # fmt: skip
    config = original._config(data, original._vision(None, data))
    fusion = original._fusion(tensors, config, untrained=False)
    assert (fusion.heads, fusion.inner, fusion.bias_inner, fusion.dino.blocks) == (16, 20480, 32, 24)
    setattr(config, FUSION_KEY, fusion_to_dict(fusion))
    check_against(tensors, empty_model(config).state_dict(), "the release")
    assert len(listed) == 1516
