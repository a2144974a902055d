"""Turn the base pack and the extended set into one MMFR tree for the embedded model.

    python trainer/nano/prepare_data.py --pack PACK --extended EXT --extended-lists LISTS --out OUT

PACK holds manifest.jsonl, annotations.jsonl and images/; EXT is what assemble.py wrote; LISTS holds the extended set's
captions.jsonl and annotations.jsonl. OUT gets `forgery_reasoning_cot.json` (train), `validation.json` (whole training
sources held out, for choosing and calibration), `captions.json` (alignment) and links to the images. Only the split
"train" is read. Left out: the source that the demo's sample photographs come from, annotations that cite a visible
mark of the generator, and images beyond a number a source, so that no source outweighs the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from fakescan.core.answer import full_answer, reasoning_text, short_answer
from fakescan.core.records import Label
from fakescan.model.prompt import CAPTION_QUESTION, QUESTION

DEMO_SOURCES = ("skimage_data",)
MARKS = re.compile(r"watermark|sparkle|\btags?\b|\blogo|signature|\bAI\b|generat|comfy|midjourney", re.IGNORECASE)
VALIDATION_SHARE = 6  # every sixth source of a label, by the digest of its name


def jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def held_out(source: str) -> bool:
    """Whether a training source is kept for choosing and calibration."""
    return hashlib.sha256(source.encode()).digest()[0] % VALIDATION_SHARE == 0


def conversation(image: str, question: str, answer: str, source: str) -> dict[str, Any]:
    """A record in the LLaVA form."""
    turns = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
    return {"image": image, "source": source, "conversations": turns}


def detection_record(row: dict[str, Any], note: dict[str, Any] | None) -> dict[str, Any]:
    """Four stages where there is a usable annotation, else the conclusion alone."""
    label = Label(row["label"])
    if note and note.get("attributes") and not MARKS.search(json.dumps([note["caption"], note["attributes"]])):
        reasoning = reasoning_text(note["attributes"], label)
        return conversation(row["image"], QUESTION, full_answer(note["caption"], reasoning, label), row["source"])
    return conversation(row["image"], QUESTION, short_answer(label), row["source"])


def main() -> None:
    """Read both sets, write the tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pack", "extended", "extended-lists", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--per-source", type=int, default=400, help="images of a training source")
    parser.add_argument("--per-held-out", type=int, default=120, help="images of a source that is held out")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, target in (("base", args.pack / "images"), ("ext", args.extended)):
        link = args.out / name
        if not link.exists():
            link.symlink_to(os.path.relpath(target.resolve(), args.out.resolve()), target_is_directory=True)
    rows = [
        {**row, "image": "base/" + row["path"].removeprefix("images/")} for row in jsonl(args.pack / "manifest.jsonl")
    ]
    rows += [{**row, "image": "ext/" + row["path"]} for row in jsonl(args.extended / "manifest.jsonl")]
    rows = [row for row in rows if row["split"] == "train" and not row["source"].startswith(DEMO_SOURCES)]
    notes = {row["path"]: row for row in jsonl(args.pack / "annotations.jsonl")}
    notes |= {row["sha256"]: row for row in jsonl(args.extended_lists / "annotations.jsonl")}
    by_source: dict[str, list[dict[str, Any]]] = defaultdict(list)
    captions: dict[str, str] = {}
    human = {row["sha256"]: row["captions"] for row in jsonl(args.extended_lists / "captions.jsonl")}
    for row in rows:
        note = notes.get(row.get("path", "")) or notes.get(row["sha256"])
        if row["sha256"] in human:
            captions[row["image"]] = max(human[row["sha256"]], key=len)
        if note and not MARKS.search(note["caption"]):
            captions[row["image"]] = note["caption"]
        if row.get("purpose") != "caption":
            by_source[row["source"]].append({**row, "note": note})
    train: list[dict[str, Any]] = []
    validation: list[dict[str, Any]] = []
    for source, members in sorted(by_source.items()):
        # annotated ones first, then by digest: a cut that does not depend on the order of the lists
        members.sort(key=lambda row: (not (row["note"] or {}).get("attributes"), row["sha256"]))
        held = held_out(source)
        members = members[: args.per_held_out if held else args.per_source]
        (validation if held else train).extend(detection_record(row, row["note"]) for row in members)
    kept_out = {record["image"] for record in validation}
    aligned = [
        conversation(image, CAPTION_QUESTION, text, "captions")
        for image, text in sorted(captions.items())
        if image not in kept_out
    ]
    for name, records in (("forgery_reasoning_cot", train), ("validation", validation), ("captions", aligned)):
        (args.out / f"{name}.json").write_text(json.dumps(records, indent=0, ensure_ascii=False), "utf-8")
        full = sum("<REASONING>" in record["conversations"][1]["value"] for record in records)
        fakes = sum("image is fake." in record["conversations"][1]["value"] for record in records)
        print(f"{name}: {len(records)} records, {full} with reasoning, {fakes} fake")
    print("held-out sources:", ", ".join(sorted({record["source"] for record in validation})))


if __name__ == "__main__":
    main()
