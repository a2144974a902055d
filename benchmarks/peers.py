"""The simplest strong rivals with public recipes, trained on the embedded model's data and put beside it in one table.

    DATA="--data WORK/mmfr --base PACK/manifest.jsonl --extended WORK/ext/manifest.jsonl --work PEERS"
    python benchmarks/peers.py probe $DATA --tower WORK/base --cache WORK/cache-square
    python benchmarks/peers.py boosting $DATA
    python benchmarks/peers.py npr $DATA --steps 400
    python benchmarks/peers.py cnn $DATA --steps 400 --batch 16
    python benchmarks/peers.py table $DATA --reports base.json ext.json

probe     UniFD's recipe (Ojha et al., CVPR 2023): a linear classifier on CLIP's frozen class token. Theirs is ViT-L/14,
          this is our ViT-B/16; beside it the same on the class tokens of all layers that the embedded model reads.
boosting  scikit-learn's gradient boosting on about a hundred hand-made figures (``peer_hand.py``).
npr       a small ResNet on neighbouring-pixel residuals (``peer_npr.py``); its budget is a number of steps.
cnn       CNNDetection's recipe (Wang et al., CVPR 2020): a ResNet-50, here from random weights (``peer_cnn.py``).
table     the figures of all of them, and of the embedded model from its scans' reports, as Markdown.

Each is trained on ``forgery_reasoning_cot.json`` below DATA and chosen on ``validation.json``; the dev-test rows of
both manifests are scored once, into ``PEERS/NAME.base.csv`` and ``PEERS/NAME.extended.csv``, lists that
``fakescan eval MANIFEST --split dev-test --scores LIST --name NAME`` takes. Only pixels are seen: no format, size or
shape. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peer_data import (
    Array,
    Item,
    labels_of,
    manifest_items,
    read_scores,
    report_scores,
    squares,
    training_items,
    write_scores,
)
from benchmarks.peer_probe import class_tokens, fit_best_probe
from fakescan.errors import DataError, FakescanError
from fakescan.model.build import load_base, load_config
from fakescan.model.images import Preprocessing
from fakescan_trainer.data.features import PLAIN, FeatureCache, extend_cache
from fakescan_trainer.evaluate.detection import auc, tpr_at_fpr

TRAIN, VALIDATION = "forgery_reasoning_cot.json", "validation.json"
AUGMENTED = 1
PEERS = {
    "unifd": "UniFD's recipe on our CLIP ViT-B/16 (last class token)",
    "probe": "the same on the class tokens of layers 6 to 12",
    "boosting": "gradient boosting on hand-made figures",
    "npr": "NPR: ResNet on neighbouring-pixel residuals",
    "cnn": "CNNDetection: ResNet-50 on pixels, from random weights",
}
"""Name in files to name in the table."""
EMBEDDED = "fakescan, embedded model"
Scores = dict[str, float]


def test_sets(args: argparse.Namespace) -> dict[str, list[Item]]:
    """The dev-test rows by the name of their set."""
    places = {"base": args.base, "extended": args.extended}
    return {name: manifest_items(place, args.split, args.limit) for name, place in places.items() if place}


def keep(args: argparse.Namespace, peer: str, name: str, items: Sequence[Item], scores: Array) -> None:
    """Write a peer's scores of one test set."""
    write_scores(args.work / f"{peer}.{name}.csv", [item.image for item in items], scores)


# ---------------------------------------------------------------- linear probe


def probe(args: argparse.Namespace) -> None:
    """Both linear probes."""
    train, weights = training_items(args.data, TRAIN)
    held, _ = training_items(args.data, VALIDATION)
    cache = FeatureCache(args.cache)
    tokens, shown = class_tokens(cache, train, (AUGMENTED, PLAIN))
    held_tokens, held_shown = class_tokens(cache, held, (PLAIN, AUGMENTED))
    config = load_config(args.tower, projector_pooling=args.pooling)
    layers = config.vision_feature_layer
    width = tokens.shape[1] // (len(layers) if isinstance(layers, list) else 1)
    model = load_base(args.tower, projector_pooling=args.pooling)
    prep = Preprocessing(config.vision_config.image_size, ("square",))
    tested: dict[str, tuple[list[Item], Array]] = {}
    for name, items in test_sets(args).items():
        folder = args.work / f"tower-{name}"
        for count in extend_cache(folder, model, prep, items[0].root, [(item.image, PLAIN) for item in items]):
            print(f"{name}: {count} of {len(items)} images seen", flush=True)
        features = FeatureCache(folder)
        if features.tower_sha256 != cache.tower_sha256:
            raise DataError(f"{args.cache} holds features of another tower", "give the base that it was made with")
        values, found = class_tokens(features, items, (PLAIN,))
        tested[name] = [items[number] for number in found], values
    for peer, columns in (("unifd", slice(-width, None)), ("probe", slice(None))):
        labels, held_labels = labels_of(train)[shown], labels_of(held)[held_shown]
        scored, penalty, reached = fit_best_probe(
            (tokens[:, columns], labels, weights[shown]), (held_tokens[:, columns], held_labels)
        )
        print(f"{peer}: {len(shown)} images, penalty {penalty}, AUC {reached:.3f} on {len(held_shown)} held out")
        for name, (items, values) in tested.items():
            keep(args, peer, name, items, scored(values[:, columns]))


# ---------------------------------------------------------------- from pixels


def pixel_sets(args: argparse.Namespace) -> dict[str, tuple[list[Item], NDArray[np.uint8], Array]]:
    """Items, squares and drawing weights of training, validation and test images that could be opened."""
    parts: dict[str, tuple[list[Item], Array | None, int]] = {
        "train": (*training_items(args.data, TRAIN), AUGMENTED),
        "validation": (*training_items(args.data, VALIDATION), PLAIN),
        **{name: (items, None, PLAIN) for name, items in test_sets(args).items()},
    }
    found = {}
    for name, (items, weights, variant) in parts.items():
        pixels, opened = squares(args.work / "squares", name, items, variant, args.jobs)
        drawn = np.ones(len(items)) if weights is None else weights
        found[name] = [items[number] for number in opened], pixels, drawn[opened] / drawn[opened].sum()
        print(f"{name}: {len(opened)} squares", flush=True)
    return found


def boosting(args: argparse.Namespace) -> None:
    """Gradient boosting; the number of trees is the one with the least loss on held-out sources."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    from benchmarks.peer_hand import hand_features

    sets = pixel_sets(args)
    figures = {name: np.stack([hand_features(one) for one in pixels]) for name, (_, pixels, _) in sets.items()}
    labels = {name: labels_of(items) for name, (items, _, _) in sets.items()}
    model = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=args.trees, max_leaf_nodes=15, min_samples_leaf=10, l2_regularization=1.0,
        early_stopping=False, random_state=0,
    )  # fmt: skip
    weights = sets["train"][2]
    model.fit(figures["train"], labels["train"], sample_weight=weights * len(weights))

    def stages(name: str) -> Array:
        return np.stack([p[:, 1] for p in model.staged_predict_proba(figures[name])])

    held = np.clip(stages("validation"), 1e-6, 1 - 1e-6)
    best = int(np.where(labels["validation"] == 1, -np.log(held), -np.log1p(-held)).mean(1).argmin())
    print(f"boosting: {best + 1} trees, AUC {auc(labels['validation'], held[best]):.3f} on validation")
    for name in sets.keys() - {"train", "validation"}:
        keep(args, "boosting", name, sets[name][0], stages(name)[best])


def from_pixels(args: argparse.Namespace) -> None:
    """NPR's residual network, or CNNDetection's."""
    from benchmarks import peer_cnn, peer_crops, peer_npr

    if args.threads:
        torch.set_num_threads(args.threads)
    sets = pixel_sets(args)
    items, pixels, weights = sets["train"]
    torch.manual_seed(args.seed)
    network: torch.nn.Module
    if args.command == "npr":
        network, lr, alter = peer_npr.NeighbouringPixels(*peer_npr.SIZES[args.size]), peer_npr.LR, None
    else:
        network, lr, alter = peer_cnn.PlainPixels(), peer_cnn.LR, peer_cnn.blurred_or_compressed
    peer_crops.train(
        network,
        pixels,
        labels_of(items),
        weights,
        steps=args.steps,
        batch=args.batch,
        lr=lr,
        seed=args.seed,
        minutes=args.minutes,
        alter=alter,
    )
    held, shown, _ = sets["validation"]
    print(f"{args.command}: AUC {auc(labels_of(held), peer_crops.scores(network, shown)):.3f} on validation")
    for name in sets.keys() - {"train", "validation"}:
        keep(args, args.command, name, sets[name][0], peer_crops.scores(network, sets[name][1]))


# ---------------------------------------------------------------- the table


def figures_row(items: Sequence[Item], scores: Scores) -> str:
    """Cells of one detector on one set; an image without a score is wrong in the accuracy and in no other figure."""
    known = [item for item in items if item.image in scores]
    labels, values = labels_of(known), np.array([scores[item.image] for item in known])
    right = int(((values >= 0.5) == (labels == 1)).sum())
    found = (auc(labels, values), tpr_at_fpr(labels, values, 0.05), tpr_at_fpr(labels, values, 0.01))
    cells = ["-" if math.isnan(figure) else f"{figure:.3f}" for figure in (*found, right / len(items))]
    return " | ".join([*cells, str(len(items) - len(known))])


def table(args: argparse.Namespace) -> list[str]:
    """Markdown: for each set, and for its matched group, a row for each detector that has scores.

    Raises:
        DataError: there are no scores of any.
    """
    reports = dict(zip(("base", "extended"), args.reports or (), strict=False))
    lines: list[str] = []
    for name, items in test_sets(args).items():
        rivals: dict[str, Scores] = {}
        if name in reports:
            rivals[EMBEDDED] = report_scores(reports[name], items)
        for peer, words in PEERS.items():
            place = args.work / f"{peer}.{name}.csv"
            if place.is_file():
                rivals[words] = read_scores(place)
        groups = {name: items, f"{name}, {args.matched}": [item for item in items if item.matched == args.matched]}
        for title, members in groups.items():
            if not members or not rivals:
                continue
            fakes = sum(item.fake for item in members)
            lines += ["", f"{title}: {fakes} AI-generated, {len(members) - fakes} real", ""]
            lines += ["| detector | AUC | TPR at 5 % FPR | TPR at 1 % FPR | accuracy at 0.5 | without a score |"]
            lines += ["|---|---|---|---|---|---|"]
            lines += [f"| {words} | {figures_row(members, scores)} |" for words, scores in rivals.items()]
    if not lines:
        raise DataError(f"no peer has scores in {args.work}", "run probe, boosting, npr or cnn first")
    return lines[1:]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    made: dict[str, Any] = {name: commands.add_parser(name) for name in ("probe", "boosting", "npr", "cnn", "table")}
    for name, sub in made.items():
        sub.add_argument("--data", type=Path, required=name != "table", help="the MMFR tree")
        sub.add_argument("--base", type=Path, required=True, help="manifest.jsonl of the base set")
        sub.add_argument("--extended", type=Path, help="manifest.jsonl of the extended set")
        sub.add_argument("--split", default="dev-test", help="rows of the manifests that are scored")
        sub.add_argument("--limit", type=int, default=0, help="test images of each label of a source; 0 = all")
        sub.add_argument("--work", type=Path, required=True, help="folder of scores, squares and features")
        sub.add_argument("--jobs", type=int, default=2, help="threads that decode pictures")
    made["probe"].add_argument("--tower", type=Path, required=True, help="base folder with the frozen tower")
    made["probe"].add_argument("--cache", type=Path, required=True, help="the trainer's feature cache")
    made["probe"].add_argument("--pooling", type=int, default=7, help="of the cache")
    made["boosting"].add_argument("--trees", type=int, default=400, help="the most; held-out sources choose")
    made["npr"].add_argument("--size", choices=("paper", "small"), default="small", help="of the network")
    for name in ("npr", "cnn"):
        made[name].add_argument("--steps", type=int, default=400)
        made[name].add_argument("--batch", type=int, default=32)
        made[name].add_argument("--minutes", type=float, default=0.0, help="stop after so much training; 0 = never")
        made[name].add_argument("--threads", type=int, default=0)
        made[name].add_argument("--seed", type=int, default=0)
    made["table"].add_argument("--reports", type=Path, nargs="+", help="the embedded model's scans: base, extended")
    made["table"].add_argument("--matched", default="laboratoriet", help="group of both labels to show apart")
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one command."""
    args = parser().parse_args(words)
    try:
        if args.command == "table":
            print("\n".join(table(args)))
        else:
            {"probe": probe, "boosting": boosting}.get(args.command, from_pixels)(args)
    except FakescanError as error:
        print(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
