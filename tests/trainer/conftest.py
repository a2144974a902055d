"""A data set of drawn pictures and a tiny base, so that real training runs take seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakescan.core.answer import full_answer, short_answer
from fakescan.core.records import Label
from fakescan.model.prompt import CAPTION_QUESTION, QUESTION
from fakescan_trainer import loading
from fakescan_trainer.config import TrainConfig
from tests.tiny import make_base


def draw(path: Path, seed: int, *, fake: bool) -> None:
    """Fakes are reddish, reals bluish, both noisy."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (40, 48, 3))
    pixels[..., 0 if fake else 2] += 120
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def record(image: str, question: str, answer: str, source: str) -> dict[str, Any]:
    turns = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
    return {"image": image, "source": source, "conversations": turns}


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def mmfr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen training images (half with reasoning), eight captions, eight held out."""
    root = tmp_path_factory.mktemp("mmfr")
    train, held = [], []
    for number in range(24):
        fake = number % 2 == 0
        label = Label.FAKE if fake else Label.REAL
        image = f"{'fake' if fake else 'real'}{number % 4}/{number}.png"
        draw(root / image, number, fake=fake)
        colour = "red" if fake else "blue"
        answer = full_answer(f"A {colour} picture.", f"From low-level perspective: Much {colour}.", label)
        if number >= 16:
            held.append(record(image, QUESTION, answer, f"held{number % 2}"))
        elif number % 4 < 2:
            train.append(record(image, QUESTION, answer, f"source{number % 4}"))
        else:
            train.append(record(image, QUESTION, short_answer(label), f"source{number % 4}"))
    captions = [record(row["image"], CAPTION_QUESTION, "A coloured picture.", "captions") for row in train[:8]]
    for name, rows in (("forgery_reasoning_cot", train), ("validation", held), ("captions", captions)):
        (root / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    return root


@pytest.fixture
def recipe(tiny_base: Path, mmfr: Path, tmp_path: Path) -> dict[str, Any]:
    """A recipe as a plain table, to be changed by tests."""
    return {
        "model": {
            "base": str(tiny_base), "name": "tiny", "template": "chatml", "views": ["square"], "projector_pooling": 2,
            "lora": {"rank": 4, "alpha": 8, "dropout": 0.1},
        },
        "data": {
            "root": str(mmfr), "validation": ["validation.json"], "captions": ["captions.json"],
            "steer": 0.5, "balance": True,
        },
        "mapper": {"locate": "target"},
        "facl": {"queue": 6},
        "run": {"out": str(tmp_path / "run"), "log_every": 1, "eval_rows": 8, "save_every": 2, "threads": 1},
        "stages": [
            {"name": "align", "task": "caption", "captions": 3, "steps": 3, "lr": 1e-2},
            {"name": "joint", "task": "joint", "full": 2, "short": 3, "steps": 4, "lr": 1e-2, "accumulate": 2},
        ],
    }  # fmt: skip


@pytest.fixture
def short_recipe(tiny_base: Path, mmfr: Path, tmp_path: Path) -> dict[str, Any]:
    """A recipe of three steps, for tests of commands, which start from a file."""
    return {
        "model": {
            "base": tiny_base.as_posix(), "name": "tiny", "template": "chatml", "views": ["square"],
            "projector_pooling": 2, "lora": {"rank": 4, "alpha": 8, "dropout": 0.0},
        },
        "data": {
            "root": mmfr.as_posix(), "validation": ["validation.json"], "captions": ["captions.json"], "steer": 1.0,
        },
        "mapper": {"locate": "target"},
        "facl": {"queue": 4},
        "run": {"out": (tmp_path / "run").as_posix(), "log_every": 1, "eval_rows": 4, "threads": 1},
        "stages": [
            {"name": "align", "task": "caption", "captions": 2, "steps": 1},
            {"name": "joint", "task": "joint", "full": 1, "short": 2, "steps": 2},
        ],
    }  # fmt: skip


@pytest.fixture
def recipe_file(short_recipe: dict[str, Any], tmp_path: Path) -> Path:
    """``short_recipe`` as a file; modules that want another one change that."""
    path = tmp_path / "tiny.toml"
    path.write_text(as_toml(short_recipe), "utf-8")
    return path


def as_toml(table: dict[str, Any]) -> str:
    """A recipe as TOML: its sections, then its stages."""
    lines = []
    for name, section in table.items():
        for part in section if isinstance(section, list) else [section]:
            lines.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            for key, value in part.items():
                lines.append(f"{key} = {json.dumps(value) if not isinstance(value, dict) else _inline(value)}")
    return "\n".join(lines)


def _inline(table: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) + "}"


def build(table: dict[str, Any]) -> TrainConfig:
    """A checked config of a table."""
    faults: list[str] = []
    config = loading.build(TrainConfig, table, "", faults)
    assert not faults, faults
    assert not loading.contradictions(config)
    built: TrainConfig = config
    return built
