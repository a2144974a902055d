"""Public test sets: where they are, how they lie on disk, and how that is read. Nothing is downloaded."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fakescan.errors import ConfigError, DataError
from fakescan_trainer.evaluate.layouts import given_folders, read_test_set
from fakescan_trainer.evaluate.samples import TestSet


@dataclass(frozen=True, slots=True)
class Preset:
    """A public test set."""

    name: str
    """As given to ``--preset``."""
    title: str
    """Its own name."""
    where: str
    """Address of its project."""
    steps: str
    """What to do to have it, in a sentence or two."""
    tree: tuple[str, ...]
    """How it must lie below the folder that is given."""
    part: str = ""
    """Only images with this folder in their path; empty: all."""
    fakes_only: bool = False
    """Whether each folder is a generator and real images are given apart."""
    as_list: bool = False
    """Whether it comes packed, and is read through a list that the user writes."""


PRESETS = (
    Preset(
        "genimage", "GenImage", "https://github.com/GenImage-Dataset/GenImage",
        "Unpack the parts of each generator that is wanted; its validation part is measured on.",
        ("GENERATOR/imagenet_ai_.../val/nature/*", "GENERATOR/imagenet_ai_.../val/ai/*"), part="val",
    ),
    Preset(
        "aigcdetect", "AIGCDetectBenchmark", "https://github.com/Ekko-zn/AIGCDetectBenchmark",
        "Its README links the test set; unpack it.",
        ("GENERATOR/0_real/*", "GENERATOR/1_fake/*", "progan/CLASS/0_real/* (GANs by class are found too)"),
    ),
    Preset(
        "chameleon", "Chameleon", "https://github.com/shilinyan99/AIDE",
        "Ask its authors for the password as their README says; unpack the test part.",
        ("test/0_real/*", "test/1_fake/*"),
    ),
    Preset(
        "wildrf", "WildRF", "https://github.com/barcavia/RealTime-DeepfakeDetection-in-the-RealWorld",
        "Its README links the archive; unpack it and give its test folder.",
        ("facebook/0_real/*", "facebook/1_fake/*", "reddit/...", "twitter/..."),
    ),
    Preset(
        "synthbuster", "Synthbuster", "https://zenodo.org/records/10066460",
        "Unpack it. It holds AI-generated images only: its real counterpart is RAISE-1k "
        "(http://loki.disi.unitn.it/RAISE/), to be named with --real.",
        ("GENERATOR/*.png",), fakes_only=True,
    ),
    Preset(
        "community-forensics", "Community Forensics", "https://huggingface.co/datasets/OwensLab/CommunityForensics",
        "It comes as parquet files (split PublicEval): write its images to files, and a CSV list of them with the "
        "columns path, label and generator.",
        ("LIST.csv", "any folders that its paths lead to"), as_list=True,
    ),
)  # fmt: skip
"""By the order in which they are listed."""


def preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        ConfigError: there is none; near misses are named.
    """
    known = {item.name: item for item in PRESETS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known)
    raise ConfigError(
        [f"no preset {name!a}" + (f", did you mean {near[0]}?" if near else "")],
        f"there are {', '.join(known)}; `fakescan eval --list-presets` describes them",
    )


def read_preset(wanted: Preset, place: Path, real: Sequence[Path]) -> TestSet:
    """Read a public test set.

    Args:
        wanted: which.
        place: where it lies; a list where it is read through one.
        real: folders of real images, for a set that has none.

    Raises:
        DataError: what lies there is something else; the expected layout is named.
    """
    hint = f"{wanted.title} is read as {' and '.join(wanted.tree)}. {wanted.steps} {wanted.where}"
    if real and not wanted.fakes_only:
        raise DataError(f"{wanted.title} has real images of its own", "leave --real out")
    if wanted.as_list and place.is_dir():
        raise DataError(f"{wanted.title} is read through a list", hint)
    if wanted.fakes_only:
        if not real:
            raise DataError(f"{wanted.title} holds AI-generated images only", hint)
        folders = sorted(folder for folder in place.iterdir() if folder.is_dir()) if place.is_dir() else []
        if not folders:
            raise DataError(f"there are no folders in {ascii(str(place))[1:-1]}", hint)
        return replace(given_folders(real, folders), name=wanted.title)
    try:
        found = read_test_set(place)
    except DataError as fault:
        raise DataError(fault.message, hint) from None
    if wanted.part:
        kept = tuple(sample for sample in found.samples if wanted.part in PurePosixPath(sample.path).parts)
        if not kept:
            raise DataError(f"no image lies below a folder {wanted.part}", hint)
        found = replace(found, samples=kept)
    return replace(found, name=wanted.title)
