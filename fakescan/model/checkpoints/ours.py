"""fakescan's own checkpoint: a folder that holds everything needed to give the same numbers again.

``fakescan.json``        what it is: base, prompt, preprocessing, temperature, calibration, digests of all files
``adapter.safetensors``  low-rank adapters and the projector: float16, or the forms of ``quantise.py``; not where the
                         base is a whole model (imported)
``base/``                the base model, or nothing where ``fakescan.json`` names one elsewhere
``MODEL_CARD.md``        for people
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import LlavaForConditionalGeneration

from fakescan.core.records import Calibration, ScoreKind
from fakescan.errors import ModelError
from fakescan.model.build import (
    BASE_FILE,
    LoraSettings,
    add_lora,
    load_base,
    load_partial,
    load_tokenizer,
    merge_lora,
)
from fakescan.model.checkpoints.calibration import calibration_from_dict, calibration_to_dict, text_in
from fakescan.model.checkpoints.fit import complete, fitting
from fakescan.model.checkpoints.marks import MANIFEST, one_line_reason
from fakescan.model.checkpoints.quantise import read_weights
from fakescan.model.images import Preprocessing
from fakescan.model.prompt import PROMPT_VERSION, TEMPLATES, AnswerForm

ADAPTER = "adapter.safetensors"
FORMATS = (1, 2)
"""Versions of ``fakescan.json`` that are read. 2: the projector has a probe of the class token."""
_MOST_UNITS = 65_536
"""No probe has more hidden units; a manifest that says so would take all memory."""


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """``fakescan.json``, typed."""

    name: str
    """Name for reports."""
    base: str
    """Folder of the base model, relative to the checkpoint or absolute."""
    base_name: str
    """What the base is, in words."""
    template: str
    """Chat template (``prompt.TEMPLATES``)."""
    preprocessing: Preprocessing
    """Views and normalisation."""
    projector_pooling: int
    """Side of the squares of patches that the projector averages."""
    lora: LoraSettings | None
    """Adapters, None when there are none."""
    tau: float
    """The mapper's temperature."""
    decides: ScoreKind = ScoreKind.BEFORE
    """The score that was measured better."""
    projector_probe_units: int = 0
    """Hidden units of a pooled projector's probe of the class token; 0 where it has none."""
    answer: AnswerForm = field(default_factory=AnswerForm)
    """How its answers are written."""
    prompt_version: str = PROMPT_VERSION
    """Version of the prompt that it was trained with."""
    tool_version: str = ""
    """fakescan's version that wrote it."""
    calibration: Mapping[ScoreKind, Calibration] = field(default_factory=dict)
    """By score; empty when it was not calibrated."""
    card: Mapping[str, str] = field(default_factory=dict)
    """Short facts for reports."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every file by its path in the folder."""

    @property
    def prompt_id(self) -> str:
        """The prompt's version, and whatever of the answer's form is not the usual: results depend on both."""
        usual = self.answer == AnswerForm()
        return self.prompt_version if usual else f"{self.prompt_version} {self.answer.name}"

    @property
    def weights_sha256(self) -> str:
        """Digest over the weight files' digests, in order of their names."""
        digests = [f"{name} {digest}" for name, digest in sorted(self.files.items()) if name.endswith(".safetensors")]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Digest of a file, lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_info(folder: Path) -> CheckpointInfo:
    """Read and check ``fakescan.json``.

    Raises:
        ModelError: it is missing, malformed, of a newer format, or written for another prompt.
    """
    path = folder / MANIFEST
    if not path.is_file():
        plain = (folder / "config.json").is_file()
        raise ModelError(
            f"{folder} holds no {MANIFEST}" + (", only a model in transformers' own layout" if plain else ""),
            "give a folder that `fakescan train` made; without a name the embedded model is used",
        )
    try:
        info = _info(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ModelError(f"{path} is damaged: {reason}", "install fakescan again, or fetch the model again") from error
    if info.prompt_version != PROMPT_VERSION:
        raise ModelError(
            f"the model in {folder} was trained with prompt version {info.prompt_version}, this is {PROMPT_VERSION}",
            "use the fakescan version that it was made with, or train it again",
        )
    return info


def _info(data: Any) -> CheckpointInfo:
    """The manifest, typed; whatever is wrong with it raises one of Python's own errors."""
    if not isinstance(data, dict):
        raise TypeError("it is no JSON object")
    if data["format"] not in FORMATS:
        raise ValueError(f"format {data['format']!r} is not known to this version of fakescan")
    if data["template"] not in TEMPLATES:
        raise ValueError(f"template {data['template']!r} is not one of {', '.join(TEMPLATES)}")
    lora, prep = data["lora"], data["preprocessing"]
    tau, mean, std = float(data["tau"]), tuple(map(float, prep["mean"])), tuple(map(float, prep["std"]))
    if not 0 < tau < math.inf:
        raise ValueError("tau must be above 0")
    if len(mean) != 3 or len(std) != 3 or not all(0 < each < math.inf for each in std):
        raise ValueError("mean and std of the preprocessing must be three numbers each")
    whole = isinstance(data["files"], dict) and any(_of_base(name) for name in data["files"])
    if ADAPTER not in data["files"] and not (whole and data["lora"] is None):
        raise ValueError(f"it holds no digest of {ADAPTER}, nor of a whole model")
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in data["files"]):
        raise ValueError("files must lie in the model's folder")
    units = int(data.get("projector_probe_units", 0))
    if not 0 <= units <= _MOST_UNITS or (units and int(data["projector_pooling"]) <= 1):
        raise ValueError(f"projector_probe_units {units} fits no projector of this kind")
    return CheckpointInfo(
        name=text_in(data, "name"), base=text_in(data, "base"), base_name=text_in(data, "base_name"),
        template=data["template"],
        preprocessing=Preprocessing(
            int(prep["size_px"]), tuple(prep["views"]), (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
        ),
        projector_pooling=int(data["projector_pooling"]),
        lora=LoraSettings(lora["rank"], lora["alpha"], 0.0, tuple(lora["vision_blocks"])) if lora else None,
        tau=tau, decides=ScoreKind(data["decides"]),
        projector_probe_units=units, answer=AnswerForm(**data.get("answer", {})),
        prompt_version=text_in(data, "prompt_version"),
        tool_version=text_in(data, "tool_version"),
        calibration={ScoreKind(kind): calibration_from_dict(entry) for kind, entry in data["calibration"].items()},
        card={str(name): str(value) for name, value in data["card"].items()},
        files={str(name): str(digest) for name, digest in data["files"].items()},
    )  # fmt: skip


def _of_base(name: object) -> bool:
    return isinstance(name, str) and name.startswith("base/") and name.endswith(".safetensors")


def write_info(folder: Path, info: CheckpointInfo) -> None:
    """Write ``fakescan.json`` with the digests of what lies in the folder now."""
    names = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (MANIFEST, "MODEL_CARD.md"))
    prep = info.preprocessing
    data = {
        "format": 2 if info.projector_probe_units else 1,
        "name": info.name, "base": info.base, "base_name": info.base_name, "template": info.template,
        "preprocessing": asdict(prep),
        "projector_pooling": info.projector_pooling, "projector_probe_units": info.projector_probe_units,
        "lora": {key: value for key, value in asdict(info.lora).items() if key != "dropout"} if info.lora else None,
        "tau": info.tau, "decides": info.decides.value, "answer": asdict(info.answer),
        "prompt_version": info.prompt_version, "tool_version": info.tool_version,
        "calibration": {kind.value: calibration_to_dict(record) for kind, record in info.calibration.items()},
        "card": dict(info.card), "files": {path.relative_to(folder).as_posix(): file_sha256(path) for path in names},
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def verify_files(folder: Path, info: CheckpointInfo) -> None:
    """Compare every file with its digest.

    Raises:
        ModelError: names the first file that is missing or differs.
    """
    verify_digests(folder, info.files)


def verify_digests(folder: Path, files: Mapping[str, str]) -> None:
    """Compare files with digests by name.

    Raises:
        ModelError: names the first file that is missing or differs.
    """
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path} is missing", "install fakescan again, or fetch the model again")
        if file_sha256(path) != digest:
            raise ModelError(
                f"{path} is damaged: its SHA-256 differs from the model's record",
                "install fakescan or fetch the model again",
            )


def adapter_tensors(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Adapters and projector of a model in training, float16 (standardisation float32), by portable names.

    Args:
        state: of the LLaVA.
    """
    tensors = {}
    for name, tensor in state.items():
        if "lora_" in name:
            tensors[name.replace(".default.", ".")] = tensor.detach().half().contiguous()
        elif "multi_modal_projector" in name:
            exact = name.endswith(("feature_mean", "feature_std", "probe.direction", "probe.bounds"))
            tensors[name] = (tensor.detach().float() if exact else tensor.detach().half()).contiguous()
    return tensors


def save_adapter(folder: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write ``adapter.safetensors``.

    Args:
        folder: made when it does not exist.
        state: of the LLaVA.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.cpu() for name, tensor in adapter_tensors(state).items()},
        folder / ADAPTER,
        {"format": "fakescan-1"},
    )


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run: adapters merged, float32 on the CPU."""

    info: CheckpointInfo
    llava: LlavaForConditionalGeneration
    tokenizer: Any


def load_checkpoint(folder: Path, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Load a checkpoint after comparing every file with its digest.

    Args:
        folder: of the checkpoint.
        dtype: number format that a whole model is loaded in; with adapters it is float32, as they were measured.

    Raises:
        ModelError: something is missing, damaged or does not fit.
    """
    info = read_info(folder)
    verify_files(folder, info)
    base = folder / info.base if not Path(info.base).is_absolute() else Path(info.base)
    if ADAPTER in info.files:
        llava = _with_adapter(folder, base, info)
    else:
        _whole(folder, base, info)
        llava = load_base(base, projector_pooling=info.projector_pooling, dtype=dtype)
    llava.requires_grad_(False)
    tokenizer = load_tokenizer(base)
    if info.preprocessing.size_px != llava.config.vision_config.image_size:
        raise ModelError(
            f"the model prepares pictures at {info.preprocessing.size_px} px, the base in {base} takes "
            f"{llava.config.vision_config.image_size} px",
            "adapter and base belong to different models",
        )
    fitting(llava, tokenizer, base, fused=ADAPTER in info.files)
    return LoadedModel(info, llava.eval(), tokenizer)


def _whole(folder: Path, base: Path, info: CheckpointInfo) -> None:
    """Without an adapter the base must be a whole model whose weights the manifest vouches for.

    Raises:
        ModelError: it is not.
    """
    inside = base.resolve().is_relative_to(folder.resolve())
    if info.projector_pooling > 1 or (base / BASE_FILE).is_file() or not inside:
        raise ModelError(f"{folder} is incomplete: its base is no whole model", "fetch the model again")


def adapter_weights(folder: Path, info: CheckpointInfo) -> dict[str, torch.Tensor]:
    """Adapters and projector, float32, by the names that they have in a model that ``add_lora`` changed.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        stored = read_weights(folder / ADAPTER)
    except (OSError, SafetensorError) as error:
        reason = one_line_reason(error)
        raise ModelError(f"{folder / ADAPTER} cannot be read: {reason}", "fetch the model again") from error
    if not info.lora:
        return {name: tensor.float() for name, tensor in stored.items()}
    return {
        name.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default."): tensor.float()
        for name, tensor in stored.items()
    }


def _with_adapter(folder: Path, base: Path, info: CheckpointInfo) -> LlavaForConditionalGeneration:
    llava = load_base(base, projector_pooling=info.projector_pooling, projector_probe_units=info.projector_probe_units)
    weights = adapter_weights(folder, info)
    wrapped = add_lora(llava, info.lora) if info.lora else None
    complete(llava, weights, folder / ADAPTER)
    load_partial(llava, weights, str(folder / ADAPTER))
    return merge_lora(wrapped) if wrapped is not None else llava
