"""``fakescan model import``: from any layout that is known to ours, in a new folder that is whole or not there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from fakescan.core.records import ScoreKind
from fakescan.core.views import View
from fakescan.errors import ConfigError, ModelError, ReportError
from fakescan.model.build import BASE_FILE
from fakescan.model.checkpoints.fit import LICENCE_STARTS
from fakescan.model.checkpoints.foreign import Foreign, Places, open_huggingface
from fakescan.model.checkpoints.layouts import Layout, layout_of
from fakescan.model.checkpoints.marks import MANIFEST, one_line_reason
from fakescan.model.checkpoints.original import config_of, is_original, open_original
from fakescan.model.checkpoints.ours import ADAPTER, CheckpointInfo, read_info, verify_files, write_info
from fakescan.model.checkpoints.tokenizers import FILES
from fakescan.model.checkpoints.whole import Progress, write_weights
from fakescan.model.mapper import TAU_INIT, derive_anchors
from fakescan.model.projector import visual_tokens_of
from fakescan.model.prompt import SEPARATORS, TEMPLATES, build_prompt
from fakescan.version import __version__

BASE = "base"
_MAX_LICENCE_BYTES = 1 << 20
DTYPES = {"keep": None, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Number formats by name; ``keep`` leaves each weight in its own."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user knows better than the files; None leaves it to them."""

    name: str | None = None
    """Name for reports; the folder's."""
    template: str | None = None
    """Chat template (``prompt.TEMPLATES``)."""
    conclusion: str | None = None
    """How a conclusion begins (``prompt.CONCLUSIONS``)."""
    separator: str | None = None
    """What stands between two stages (``prompt.SEPARATORS``, by name)."""
    view: View | None = None
    """How a picture becomes a square."""
    tau: float | None = None
    """The mapper's temperature; 10, which the authors' code has as a constant."""
    dtype: str = "keep"
    """Number format of the weights: keep, float32, float16 or bfloat16."""
    for_training: bool = False
    """Write v2's base with a fresh fusion, as a base to train from: no model to judge with."""


def import_model(places: Places, target: Path, wishes: Wishes | None = None, progress: Progress | None = None) -> None:
    """Convert a model into our layout.

    Args:
        places: where it lies.
        target: the new folder.
        wishes: what the user knows better.
        progress: told how many bytes are written.

    Raises:
        ModelError: the model is damaged, incomplete, or of no known layout.
        ConfigError: the wishes do not go together with it.
        ReportError: the new folder is there already, or cannot be written.
    """
    wishes, target = wishes or Wishes(), target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ReportError(f"{target} is there already", "give a new folder")
    unfinished = target.with_name(f"{target.name}.unfinished-{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise ReportError(f"{unfinished} cannot be made: {error.strerror}", "give another folder") from error
    try:
        if layout_of(places.model) is Layout.OURS:
            _gather(places, unfinished, wishes)
        else:
            _convert(places, unfinished, wishes, progress)
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or one_line_reason(error)
        raise ReportError(f"{target} cannot be written: {reason}", "free some space, or give another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def open_foreign(places: Places, wishes: Wishes) -> Foreign:
    """Open a foreign model in whichever layout it has.

    Raises:
        ModelError: it has none that is known, or is damaged.
    """
    if layout_of(places.model) is Layout.UNKNOWN:
        raise ModelError(
            f"{places.model} holds no model in a layout that is known",
            "known are LLaVA-1.5 and FakeReasoning v2 as their authors save them, LLaVA in transformers' layout, "
            "adapters over either, and fakescan's own",
        )
    if is_original(config_of(places)):
        return open_original(places, wishes.view, untrained=wishes.for_training)
    if places.clip or places.dino:
        raise ConfigError(["this layout holds its tower itself"], "leave --clip and --dino out")
    return open_huggingface(places, wishes.view)


def _convert(places: Places, folder: Path, wishes: Wishes, progress: Progress | None) -> None:
    foreign = open_foreign(places, wishes)
    answer = replace(
        foreign.answer,
        conclusion=wishes.conclusion or foreign.answer.conclusion,
        separator=SEPARATORS[wishes.separator] if wishes.separator else foreign.answer.separator,
    )
    template = wishes.template or foreign.template
    # What would fail in every scan fails here, before gigabytes are written.
    derive_anchors(foreign.tokenizer)
    tokens = visual_tokens_of(foreign.config)
    build_prompt(foreign.tokenizer, TEMPLATES[template], foreign.config.image_token_id, tokens, form=answer)
    base = folder if wishes.for_training else folder / BASE
    base.mkdir(exist_ok=True)
    write_weights(base, foreign.tensors, DTYPES[wishes.dtype], str(places.model), progress)
    foreign.config.architectures = ["LlavaForConditionalGeneration"]
    foreign.config.save_pretrained(base)
    foreign.tokenizer.save_pretrained(base)
    _licences([places.model, places.whole], folder)
    if wishes.for_training:
        return
    name = wishes.name or places.model.resolve().name
    card = {"imported from": foreign.layout, "weights as stored": wishes.dtype}
    write_info(
        folder,
        CheckpointInfo(
            name=name, base=BASE, base_name=places.whole.resolve().name, template=template,
            preprocessing=foreign.preprocessing, projector_pooling=1, lora=None, tau=wishes.tau or TAU_INIT,
            # It knows nothing of the control phrase that steers a text, so its number after the text decides.
            decides=ScoreKind.AFTER, answer=answer, tool_version=__version__, card=card,
        ),
    )  # fmt: skip


def _gather(places: Places, folder: Path, wishes: Wishes) -> None:
    """Copy a checkpoint of ours with the base that it names, so that it can go elsewhere; nothing else changes."""
    if replace(wishes, name=None) != Wishes() or places.base or places.clip or places.dino:
        raise ConfigError(["a model of fakescan's own knows all of this itself"], "give no option but --name")
    info = read_info(places.model)
    verify_files(places.model, info)
    for name in info.files:
        _copy(places.model / name, folder / name)
    base = places.model / info.base  # an absolute one stays itself
    if not base.is_dir():
        raise ModelError(f"the base model {base} is not there", "put it back, or give the checkpoint another")
    kept = [BASE_FILE, "config.json", "generation_config.json", *FILES]
    for path in sorted(base.iterdir()):
        if path.is_file() and (path.name in kept or path.suffix == ".safetensors" or path.name.endswith(".index.json")):
            _copy(path, folder / BASE / path.name)
    if not (folder / ADAPTER).is_file() and not (folder / BASE).is_dir():
        raise ModelError(f"{places.model / MANIFEST} names no weights", "fetch the model again")
    _licences([places.model, base], folder)
    if (places.model / "MODEL_CARD.md").is_file():
        _copy(places.model / "MODEL_CARD.md", folder / "MODEL_CARD.md")
    write_info(folder, replace(info, name=wishes.name or info.name, base=BASE))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copyfile(source, target)


def _licences(folders: list[Path], target: Path) -> None:
    """Take along what says under which terms the weights are; of an adapter and its base that may be two."""
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.iterdir()):
            wanted = path.is_file() and path.name.upper().startswith(LICENCE_STARTS)
            if wanted and path.stat().st_size <= _MAX_LICENCE_BYTES:
                kept = target / path.name
                _copy(path, kept if not kept.exists() else target / f"{folder.name}-{path.name}")
