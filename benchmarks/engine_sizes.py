"""Images a second of the slot engine by batch size, on one device; a line of JSON at the end.

    python benchmarks/engine_sizes.py --model llava-13b --device cuda --dtype bfloat16 --sizes 1,16,48

A random model of a shape (``engine_models.py``) is made on the device; its stages end at the lengths of real answers.
The embedded model (``--model nano``) ends by itself. A size that does not fit is told as such and left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from benchmarks.engine import GivenLengths, Picture, pictures
from benchmarks.engine_models import SHAPES, model_of
from fakescan.core.records import Prediction
from fakescan.engines.base import EngineOptions
from fakescan.engines.device import choose_placement
from fakescan.engines.slot import SlotEngine


def timed(engine: SlotEngine, images: list[Picture], *, reasoning: bool) -> float:
    """Images a second."""
    fresh = [Picture(one.image.copy(), one.sha256) for one in images]
    if engine.placement.device.type == "cuda":
        torch.cuda.synchronize(engine.placement.device)
    started = time.perf_counter()
    outcomes = engine.infer(fresh, reasoning=reasoning)
    if not all(isinstance(outcome, Prediction) for outcome in outcomes):
        raise SystemExit("a picture failed: " + str(next(one for one in outcomes if not isinstance(one, Prediction))))
    return len(images) / (time.perf_counter() - started)


def main() -> None:
    """Time triage and full text at every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llava-13b", help=f"{', '.join(SHAPES)}, nano, or a folder")
    parser.add_argument("--pictures", type=Path, default=Path(__file__).resolve().parent.parent / "samples")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--sizes", default="1,16,48")
    parser.add_argument("--rounds", type=int, default=2, help="pictures for every slot")
    parser.add_argument("--most-seconds", type=float, default=1e9, help="no new size is begun after so long")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    placement = choose_placement(args.device, args.dtype)
    random = args.model in SHAPES
    loaded = model_of(args.model, str(placement.device), placement.dtype)
    engine: SlotEngine = (GivenLengths if random else SlotEngine)(loaded, placement, EngineOptions(batch_size=1))
    told: dict[str, Any] = {"model": args.model, "device": str(placement.device), "dtype": placement.dtype_name}
    if placement.device.type == "cuda":
        told["device"] = torch.cuda.get_device_name(placement.device)
        told["weights_gib"] = round(torch.cuda.memory_allocated(placement.device) / 2**30, 2)
    told["torch"] = torch.__version__
    engine.infer(pictures(args.pictures, 1))  # libraries set themselves up
    for size in map(int, args.sizes.split(",")):
        if time.perf_counter() - began > args.most_seconds:
            print(f"batch {size}: left out, time is up", file=sys.stderr)
            continue
        engine.resize(size)
        images = pictures(args.pictures, size * args.rounds)
        triage = timed(engine, images, reasoning=False)
        timed(engine, images[:size], reasoning=True)  # records the graphs of this size
        full = timed(engine, images, reasoning=True)
        reached = f" (made do with {engine.slots})" if engine.slots < size else ""
        told[f"triage_{size}"], told[f"full_{size}"] = round(triage, 3), round(full, 3)
        print(
            f"batch {size:3d}: triage {triage:8.3f} images/s, full {full:8.3f} images/s{reached}",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main()
