"""Images a second of the engine, against a plain loop over transformers' pipeline with the same weights.

    python benchmarks/scan_speed.py [--model DIR] [--images 8] [--threads 2]

Baseline (1.00x): ``pipeline("image-text-to-text")``, one picture at a time, greedy, every token generated. All modes
run in this process on the same pictures, one after the other; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import CLIPImageProcessor, GenerationConfig, LlavaProcessor, pipeline

from fakescan.core.records import ScoreKind
from fakescan.core.views import Views
from fakescan.engines import model_folder
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import EngineOptions, PlainEngine
from fakescan.intake.views import view_of
from fakescan.model.checkpoints import load_any
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.projector import visual_tokens_of
from fakescan.model.prompt import QUESTION, TEMPLATES

MAX_NEW_TOKENS = 320


@dataclass(frozen=True)
class Picture:
    """A decoded picture."""

    image: Image.Image
    sha256: str
    views: Views | None = None


def pictures(folder: Path, count: int) -> list[Picture]:
    """The first pictures below a folder that open, repeated when there are too few."""
    found: list[Picture] = []
    for path in sorted(folder.rglob("*.*")):
        if len(found) == count:
            break
        try:
            with Image.open(path) as file:
                found.append(Picture(file.convert("RGB"), path.name))
        except OSError:
            continue
    if not found:
        raise SystemExit(f"no picture below {folder}")
    return [found[i % len(found)] for i in range(count)]


def baseline(loaded: LoadedModel, images: list[Picture]) -> Callable[[], int]:
    """A loop over the pipeline; returns how many tokens it wrote."""
    llava, tokenizer, prep = loaded.llava, loaded.tokenizer, loaded.info.preprocessing
    vision: Any = llava.config.vision_config
    side = int((visual_tokens_of(llava.config) - 1) ** 0.5)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [tokenizer.convert_ids_to_tokens(llava.config.image_token_id)]}
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": vision.image_size}, crop_size=vision.image_size),
        tokenizer=tokenizer, patch_size=vision.image_size // side, vision_feature_select_strategy="full",
        num_additional_image_tokens=1, image_token=tokenizer.convert_ids_to_tokens(llava.config.image_token_id),
    )  # fmt: skip
    template = TEMPLATES[loaded.info.template]
    prompt = f"{template.before_image}{processor.image_token}{template.before_question}{QUESTION}{template.turn_end}"
    settings = GenerationConfig(
        max_new_tokens=MAX_NEW_TOKENS,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    asked = pipeline("image-text-to-text", model=llava, processor=processor, device="cpu")

    def run() -> int:
        written = 0
        for picture in images:
            view = view_of(picture.image, prep.views[0], prep.looks)
            # As a bare argument it would go to the processor, which warns that it knows no such thing, and be lost.
            asking = {"generation_config": settings}
            answer = asked(images=view, text=prompt, generate_kwargs=asking, return_full_text=False)
            written += len(tokenizer.encode(answer[0]["generated_text"], add_special_tokens=False))
        return written

    return run


def engine_run(folder: Path, images: list[Picture], batch: int, dtype: str, *, reasoning: bool) -> Callable[[], int]:
    """One mode of the plain engine; returns how many tokens the model chose itself."""
    loaded = load_any(folder)
    engine = PlainEngine(
        loaded, choose_placement("cpu", dtype), EngineOptions(batch_size=batch, decides=ScoreKind.BEFORE)
    )

    def run() -> int:
        written = 0
        for start in range(0, len(images), batch):
            for outcome in engine.infer(images[start : start + batch], reasoning=reasoning):
                written += getattr(outcome, "tokens", 0)
        return written

    return run


def main() -> None:
    """Time every mode and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None)
    parser.add_argument("--pictures", type=Path, default=Path(__file__).resolve().parent.parent / "samples")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore")
    folder, images = model_folder(args.model), pictures(args.pictures, args.images)
    modes: list[tuple[str, Callable[[], Callable[[], int]]]] = [
        ("pipeline", lambda: baseline(load_any(folder), images)),
        ("full batch 1", lambda: engine_run(folder, images, 1, "float32", reasoning=True)),
        ("full batch 8", lambda: engine_run(folder, images, 8, "float32", reasoning=True)),
        ("full batch 8 int8", lambda: engine_run(folder, images, 8, "int8", reasoning=True)),
        ("triage batch 1", lambda: engine_run(folder, images, 1, "float32", reasoning=False)),
        ("triage batch 8", lambda: engine_run(folder, images, 8, "float32", reasoning=False)),
    ]
    rates: dict[str, float] = {}
    for name, prepare in modes:
        run = prepare()
        started = time.perf_counter()
        written = run()
        seconds = time.perf_counter() - started
        rates[name] = len(images) / seconds
        ratio = rates[name] / rates["pipeline"]
        print(
            f"{name:18s} {rates[name]:7.3f} images/s  {seconds / len(images):6.2f} s/image  "
            f"{written / len(images):5.0f} tokens/image  {ratio:6.2f}x",
            file=sys.stderr,
        )
    print(
        json.dumps(
            {
                "threads": torch.get_num_threads(),
                "images": len(images),
                **{f"ratio {n}": round(r / rates["pipeline"], 3) for n, r in rates.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
