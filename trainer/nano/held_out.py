"""Print held-out pictures to calibrate the score after text on, one path a line: `held_out.py MMFR COUNT`."""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path

from fakescan.core.records import Label
from fakescan_trainer.data.mmfr import read_records


def drawn(root: Path, count: int) -> list[Path]:
    """Half of them AI-generated, half real, of every source as many as of the others while it has some.

    Args:
        root: the MMFR tree with ``validation.json``.
        count: how many, both labels together; fewer where a label has too few.
    """
    groups: dict[Label, dict[str, list[Path]]] = {label: defaultdict(list) for label in (Label.FAKE, Label.REAL)}
    for record in read_records(root / "validation.json", root):
        if record.label:
            groups[record.label][record.source].append(root / record.image)
    rng, found = random.Random(0), []  # noqa: S311 -- a draw, no secret
    for sources in groups.values():
        for images in sources.values():
            images.sort()
            rng.shuffle(images)
        in_turn = chain.from_iterable(zip_longest(*(images for _, images in sorted(sources.items()))))
        found += [image for image in in_turn if image][: count // 2]
    return sorted(found)


def main() -> None:
    """Print one path a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mmfr", type=Path)
    parser.add_argument("count", type=int)
    args = parser.parse_args()
    print("\n".join(str(image) for image in drawn(args.mmfr, args.count)))


if __name__ == "__main__":
    main()
