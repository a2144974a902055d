"""The slot engine against transformers, with the same weights and pictures, in one run.

    python benchmarks/engine.py [--models s,nano] [--images 16] [--rounds 1] [--threads 2] [--only full,triage]

(a) ``pipeline("image-text-to-text")`` in a loop, one picture at a time, every token generated: 1.00x
(b) ``generate`` for batches of 8, every token generated
(c) the roofline: floating-point operations of a triage at the speed of this machine's matrix products, measured here

Model "s" (93 M parameters) has random weights, which never write a closing tag, so each picture is given the length of
a real answer: the engine ends its stages there, and (a) and (b) write as many tokens as the whole answer has. The
embedded model ends by itself. A round runs every mode after the other, so that on a shared machine a ratio compares
like with like; with ``--clock cpu --threads 1`` processor time counts instead of the time on the wall. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import CLIPImageProcessor, GenerationConfig, LlavaProcessor, pipeline

from benchmarks.engine_models import model_of, triage_flops
from fakescan.core.records import Prediction, Stage
from fakescan.core.views import Views
from fakescan.engines.base import EngineOptions
from fakescan.engines.device import choose_placement
from fakescan.engines.linears import PackedLinear, packing_works
from fakescan.engines.scripts import forced_script
from fakescan.engines.slot import SlotEngine
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.images import pixel_values
from fakescan.model.projector import visual_tokens_of
from fakescan.model.prompt import QUESTION, TEMPLATES, build_prompt

LENGTHS = ((52, 131), (44, 118), (61, 142), (49, 135))
"""Tokens of caption and reasoning, as the paper's four examples have them on average (183 together)."""
MAX_NEW_TOKENS = 320
BATCH = 8


@dataclass
class Picture:
    """A decoded picture."""

    image: Image.Image
    sha256: str
    views: Views | None = None


def pictures(folder: Path, count: int) -> list[Picture]:
    """The first pictures below a folder that open, repeated when there are too few."""
    found: list[Picture] = []
    for path in sorted(folder.rglob("*.*")):
        try:
            with Image.open(path) as file:
                found.append(Picture(file.convert("RGB"), path.name))
        except OSError:
            continue
        if len(found) == count:
            break
    if not found:
        raise SystemExit(f"no picture below {folder}")
    # Copies: an engine knows a picture that it has seen by the object.
    return [Picture(found[i % len(found)].image.copy(), f"{i}") for i in range(count)]


class GivenLengths(SlotEngine):
    """Stages end at given lengths instead of at closing tags, which random weights never write."""

    def _script(self, job: Any) -> Any:
        caption, reasoning = LENGTHS[job.index % len(LENGTHS)]
        prompt = self.prompt
        return forced_script(
            prompt.opening[job.side],
            self._rules(Stage.CAPTION, caption, prompt.caption_end, prompt.reasoning_start),
            self._rules(Stage.REASONING, reasoning, prompt.reasoning_end, prompt.conclusion),
        )

    def _ended(self, tokens: Sequence[int], stage: Stage) -> bool:
        return False


@dataclass
class Subject:
    """A model under test."""

    name: str
    prompt: Any
    tokens: list[int]
    """How many tokens (a) and (b) write for each of ``LENGTHS``; empty: until the model ends."""
    flops: float
    load: Callable[[], LoadedModel]

    @property
    def engine(self) -> type[SlotEngine]:
        """Which engine runs it."""
        return GivenLengths if self.tokens else SlotEngine


def subject(name: str) -> Subject:
    """A model by name, with what its benchmark needs to know."""
    loaded = model_of(name)
    seen = visual_tokens_of(loaded.llava.config) * len(loaded.info.preprocessing.views)
    image_id = loaded.llava.config.image_token_id
    prompt = build_prompt(loaded.tokenizer, TEMPLATES[loaded.info.template], image_id, seen, form=loaded.info.answer)
    around = len(prompt.opening[None]) - len(prompt.free_opening) + len(prompt.caption_end)
    around += len(prompt.reasoning_start) + len(prompt.reasoning_end) + len(prompt.conclusion) + 4
    start = prompt.head.index(image_id)
    flops = triage_flops(loaded, start, len(prompt.head) - start + len(prompt.before))
    random = not loaded.info.weights_sha256
    return Subject(name, prompt, [around + c + r for c, r in LENGTHS] if random else [], flops, lambda: model_of(name))


def settings(loaded: LoadedModel, tokens: int | None) -> GenerationConfig:
    """Greedy, to a given length or until the model ends."""
    tokenizer = loaded.tokenizer
    return GenerationConfig(
        max_new_tokens=tokens or MAX_NEW_TOKENS, min_new_tokens=tokens, do_sample=False,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def pipeline_mode(subject: Subject, images: list[Picture]) -> Callable[[], int]:
    """(a); returns how many pictures it did."""
    loaded = subject.load()
    llava, tokenizer, prep = loaded.llava, loaded.tokenizer, loaded.info.preprocessing
    vision: Any = llava.config.vision_config
    full = llava.config.vision_feature_select_strategy == "full"
    side = int((visual_tokens_of(llava.config) - int(full)) ** 0.5)
    image_token = tokenizer.convert_ids_to_tokens(llava.config.image_token_id)
    tokenizer.add_special_tokens({"additional_special_tokens": [image_token]})
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": vision.image_size}, crop_size=vision.image_size),
        tokenizer=tokenizer, patch_size=vision.image_size // side,
        vision_feature_select_strategy=llava.config.vision_feature_select_strategy, num_additional_image_tokens=1,
        image_token=image_token,
    )  # fmt: skip
    template = TEMPLATES[loaded.info.template]
    prompt = f"{template.before_image}{image_token}{template.before_question}{QUESTION}{template.turn_end}"
    asked = pipeline("image-text-to-text", model=llava, processor=processor, device="cpu")

    def run() -> int:
        for number, picture in enumerate(images):
            tokens = subject.tokens[number % len(subject.tokens)] if subject.tokens else None
            # As a bare argument it would go to the processor, which warns that it knows no such thing, and be lost.
            asking = {"generation_config": settings(loaded, tokens)}
            asked(
                images=picture.image.resize((prep.size_px, prep.size_px)), text=prompt, generate_kwargs=asking,
                return_full_text=False,
            )  # fmt: skip
        return len(images)

    return run


def generate_mode(subject: Subject, images: list[Picture]) -> Callable[[], int]:
    """(b); returns how many pictures it did."""
    loaded = subject.load()
    head = [*subject.prompt.head, *subject.prompt.free_opening]

    @torch.inference_mode()
    def run() -> int:
        for first in range(0, len(images), BATCH):
            part = images[first : first + BATCH]
            ids = torch.tensor([head] * len(part))
            loaded.llava.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids),
                pixel_values=pixel_values([picture.image for picture in part], loaded.info.preprocessing),
                generation_config=settings(loaded, max(subject.tokens, default=0) or None),
            )  # fmt: skip
        return len(images)

    return run


def engine_mode(
    subject: Subject, images: list[Picture], *, batch: int = BATCH, dtype: str = "float32", reasoning: bool = True
) -> Callable[[], int]:
    """The slot engine; returns how many pictures it did."""
    engine = subject.engine(subject.load(), choose_placement("cpu", dtype), EngineOptions(batch_size=batch))

    def run() -> int:
        # Fresh copies, so that nothing is known of them from the round before.
        outcomes = engine.infer([Picture(one.image.copy(), one.sha256) for one in images], reasoning=reasoning)
        if not all(isinstance(outcome, Prediction) for outcome in outcomes):
            raise SystemExit("a picture failed")
        return len(images)

    return run


def matmul_flops(clock: Callable[[], float]) -> float:
    """Operations a second of large matrix products, the best of torch's own and the laid-out form."""
    best = 0.0
    for rows, inner, outer in ((640, 512, 2816), (1024, 1024, 1024), (577, 384, 1536)):
        inputs, linear = torch.randn(rows, inner), torch.nn.Linear(inner, outer, bias=False)
        forms: list[torch.nn.Module] = [linear, *([PackedLinear(linear)] if packing_works() else [])]
        with torch.inference_mode():
            for form in forms:
                form(inputs)
                for _ in range(3):
                    started = clock()
                    for _ in range(4):
                        form(inputs)
                    best = max(best, 4 * 2 * rows * inner * outer / (clock() - started))
    return best


def measured(name: str, args: argparse.Namespace, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds a picture of every mode, and the speed of matrix products under ``flops``."""
    own, images = subject(name), pictures(args.pictures, args.images)
    few = images[: args.baseline_images or len(images)]
    modes: dict[str, tuple[str, Callable[[], Callable[[], int]]]] = {
        "pipeline": ("", lambda: pipeline_mode(own, few)),
        "generate": ("generate", lambda: generate_mode(own, images[:BATCH])),
        "full": ("full", lambda: engine_mode(own, images)),
        "full_batch_1": ("batch1", lambda: engine_mode(own, few, batch=1)),
        "full_int8": ("int8", lambda: engine_mode(own, images, dtype="int8")),
        "triage": ("triage", lambda: engine_mode(own, images, reasoning=False)),
        "triage_int8": ("triage", lambda: engine_mode(own, images, reasoning=False, dtype="int8")),
    }
    chosen = {key: prepare for key, (group, prepare) in modes.items() if not group or group in args.only}
    seconds: dict[str, float] = defaultdict(float)
    done: dict[str, int] = defaultdict(int)
    speed = 0.0
    ready: dict[str, Callable[[], int]] = {}
    for _ in range(args.rounds):
        for key, prepare in chosen.items():
            run = ready.get(key) or prepare()
            ready[key] = run
            if key == "triage":
                speed = max(speed, matmul_flops(clock))
            started = clock()
            done[key] += run()
            seconds[key] += clock() - started
            per_image = seconds[key] / done[key]
            ratio = seconds["pipeline"] / done["pipeline"] / per_image
            print(f"{name:6s} {key:14s} {per_image:8.3f} s/image {ratio:7.2f}x", file=sys.stderr, flush=True)
    found = {key: seconds[key] / done[key] for key in done}
    return found | {"flops": own.flops, "speed": speed}


def summary(found: dict[str, float]) -> dict[str, float]:
    """Ratios against (a), and the share of the roofline."""
    times = {key: value for key, value in found.items() if key not in ("flops", "speed")}
    told = {f"ratio_{key}": round(times["pipeline"] / value, 3) for key, value in times.items() if key != "pipeline"}
    if "triage" in times and found["speed"]:
        told["roofline_triage"] = round(found["flops"] / found["speed"] / times["triage"], 3)
        told["gflop_triage"] = round(found["flops"] / 1e9, 2)
        told["gflop_per_s"] = round(found["speed"] / 1e9, 1)
    return told | {f"s_{key}": round(value, 4) for key, value in times.items()}


def main() -> None:
    """Time every mode of every model and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="s,nano", help="s, nano, tiny or folders, with commas between")
    parser.add_argument("--pictures", type=Path, default=Path(__file__).resolve().parent.parent / "samples")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--baseline-images", type=int, default=4, help="for what runs one by one; 0: all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--only", default="generate,full,batch1,int8,triage", help="groups of modes beside (a)")
    args = parser.parse_args()
    args.only = set(args.only.split(","))
    if args.threads:
        torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore")
    clock = time.perf_counter if args.clock == "wall" else time.process_time
    names = args.models.split(",")
    results = {name: summary(measured(name, args, clock)) for name in names}
    first, *others = names
    told: dict[str, Any] = {
        "model": first, "threads": torch.get_num_threads(), "clock": args.clock, "images": args.images,
        "torch": torch.__version__, **results[first],
    }  # fmt: skip
    print(json.dumps(told | {name: results[name] for name in others}))


if __name__ == "__main__":
    main()
