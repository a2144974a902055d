"""Memory that training runs really take, against what the trainer says before it starts.

    python benchmarks/training_memory.py [--base DIR] [--only NAME]

Each setting is a run of its own in a process of its own, a step or two a stage, on drawn pictures and made-up texts of
the length of real ones. Printed are the estimate, the peak of the process's resident memory and their ratio; the last
line is one JSON object. The base is the embedded model's, and for ``tiny`` a random model of two layers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from fakescan.core.answer import full_answer, short_answer
from fakescan.core.records import Label
from fakescan.engines import model_folder
from fakescan.model.prompt import CAPTION_QUESTION, QUESTION

REPOSITORY = Path(__file__).resolve().parent.parent
CAPTION = "A wide red bridge crosses a grey strait, with its near tower at left, small cars and a boat below."
REASONING = (
    "From low-level perspective: Low sun warms the left faces of the towers, while strait and hills stay in cooler "
    "shade. Tiny cars and ripples give credible scale, edges are sharp without halos, texture changes with distance. "
    "From high-level perspective: Everything stands where it would, cables meet the deck at even spaces."
)
PAIR = ["mapper.locate=target", "data.balance=true", "data.captions=['captions.json']"]
POOLED = "model.projector_pooling=2"
STEPS = ["stages.0.steps=2", "stages.1.steps=2"]
FULL_ALONE = [POOLED, *STEPS, "stages.1.short=0"]
SETTINGS: dict[str, list[str]] = {
    "tiny": ["stages.0.captions=8", "stages.1.full=4", "stages.1.short=8"],
    "smoke": [POOLED],
    "small batch": [
        POOLED, *STEPS, "model.lora.rank=16", "model.lora.dropout=0.0",
        "stages.0.captions=4", "stages.1.full=1", "stages.1.short=8",
    ],
    "large batch": [
        POOLED, *STEPS, "model.lora.rank=16", "model.lora.dropout=0.0",
        "stages.0.captions=8", "stages.1.full=3", "stages.1.short=10",
    ],
    "short rows alone": [
        POOLED, *STEPS, "model.lora.rank=16", "model.lora.dropout=0.0", "stages.1.full=0", "stages.1.short=8",
    ],
    "rank 64": [*FULL_ALONE, "model.lora.rank=64", "model.lora.alpha=128", "model.lora.dropout=0.0", "stages.1.full=2"],
    "projector alone": [*FULL_ALONE, "model.train=['projector']", "stages.1.full=2"],
    "dropout": [*FULL_ALONE, "model.lora.dropout=0.1", "stages.1.full=2"],
    "index looked for": [*FULL_ALONE, "mapper.locate=predicted", "stages.1.full=2"],
    "checkpointing": [*FULL_ALONE, "run.gradient_checkpointing=true", "stages.1.full=4"],
    "checkpointing, 1 row": [*FULL_ALONE, "run.gradient_checkpointing=true", "stages.1.full=1"],
}  # fmt: skip
"""Changes to the recipe ``smoke``."""


def draw_data(root: Path) -> None:
    """Eight pictures with reasoning, the same with captions alone."""
    rows, captions = [], []
    rng = np.random.default_rng(0)
    for number in range(8):
        name, label = f"{number}.png", Label.FAKE if number % 2 else Label.REAL
        Image.fromarray(rng.integers(0, 255, (256, 256, 3)).astype(np.uint8)).save(root / name)
        answer = full_answer(CAPTION, REASONING, label) if number < 6 else short_answer(label)
        rows.append(_record(name, QUESTION, answer))
        captions.append(_record(name, CAPTION_QUESTION, CAPTION))
    for file, content in (("forgery_reasoning_cot.json", rows), ("captions.json", captions)):
        (root / file).write_text(json.dumps(content), "utf-8")


def _record(image: str, question: str, answer: str) -> dict[str, object]:
    turns = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
    return {"image": image, "conversations": turns}


def run_here(overrides: list[str]) -> dict[str, int]:
    """Train in this process; its estimate and its peak in bytes."""
    from fakescan_trainer.loading import load_config
    from fakescan_trainer.loop import Trainer
    from fakescan_trainer.materials import gather
    from fakescan_trainer.memory import estimate
    from fakescan_trainer.recipes import recipe_path

    config = load_config(recipe_path("smoke"), overrides)
    materials = gather(config)
    needed = estimate(config, materials)
    print(needed.sentence(), file=sys.stderr)
    Trainer(config, materials=materials).run()
    return {"estimate": needed.total, "peak": peak_bytes()}


def peak_bytes() -> int:
    """The largest resident size of this process so far."""
    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):
        return int(memory.peak_wset)  # Windows
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Run every setting and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, default=model_folder(None) / "base")
    parser.add_argument("--only", action="append", help="name of a setting; repeatable")
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(run_here(args.here)))
        return
    found = {}
    for name, changes in SETTINGS.items():
        if args.only and name not in args.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            draw_data(Path(folder))
            base = args.base
            if name == "tiny":
                sys.path.insert(0, str(REPOSITORY))
                from tests.tiny import make_base

                base = make_base(Path(folder) / "base")
            command = [
                sys.executable, __file__, "--here", f"model.base={base.resolve()}", f"data.root={folder}",
                f"run.out={folder}/run", *PAIR, *changes,
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (ours)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
            continue
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        figures = found[name]
        print(
            f"{name:22s} estimate {figures['estimate'] / 2**30:5.2f} GiB, peak {figures['peak'] / 2**30:5.2f} GiB, "
            f"estimate / peak {figures['estimate'] / figures['peak']:.2f}",
            flush=True,
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
