"""Recipes: every fault at once, overrides, and the shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescan.errors import ConfigError
from fakescan_trainer.loading import load_config
from fakescan_trainer.recipes import recipe_path

GOOD = """
[model]
base = "b"
[data]
root = "r"
[[stages]]
name = "one"
task = "joint"
"""


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def writer(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text, "utf-8")
        return path

    return writer


def test_all_faults_are_listed_at_once(write) -> None:  # type: ignore[no-untyped-def]
    path = write(GOOD + "lr = 'fast'\nful = 3\n[loss]\nlm = true\n[mapper]\nlocate = 'nowhere'\n[strange]\na = 1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    told = "\n".join(caught.value.faults)
    for part in (
        "stages[0].lr",
        "stages[0].ful: unknown key",
        "loss.lm",
        "mapper.locate: 'nowhere' is not one of",
        "strange: unknown key",
    ):
        assert part in told


def test_contradictions_are_listed_at_once(write) -> None:  # type: ignore[no-untyped-def]
    text = GOOD.replace('base = "b"', 'base = "b"\ntemplate = "x"\ntrain = ["vision"]') + "full = 0\n"
    text = text.replace('root = "r"', 'root = "r"\nfeatures = ["c"]')
    with pytest.raises(ConfigError) as caught:
        load_config(write(text))
    told = "\n".join(caught.value.faults)
    for part in (
        "model.template",
        "vision needs model.lora.vision_blocks",
        "cached features",
        "needs full or short rows",
    ):
        assert part in told


def test_overrides_win_and_their_faults_join_the_list(write) -> None:  # type: ignore[no-untyped-def]
    config = load_config(write(GOOD), ["run.out=elsewhere", "stages.0.steps=7", "loss.facl=0", "model.lora.rank=8"])
    assert (config.run.out, config.stages[0].steps, config.loss.facl, config.model.lora.rank) == (
        "elsewhere",
        7,
        0.0,
        8,
    )
    with pytest.raises(ConfigError) as caught:
        load_config(write(GOOD), ["nonsense", "stages.4.steps=1", "run.sed=2"])
    assert len(caught.value.faults) == 3


def test_a_file_that_is_no_toml_or_not_there(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for path in (write("= ="), tmp_path / "none.toml"):
        with pytest.raises(ConfigError, match=path.name):
            load_config(path)


@pytest.mark.parametrize("name", ["own", "detector", "paper-v1", "paper-v2", "nano", "smoke"])
def test_shipped_recipes_are_sound(name: str) -> None:
    config = load_config(recipe_path(name))
    assert config.stages
    if name == "paper-v1":
        assert (config.model.lora.rank, config.model.lora.alpha, config.stages[0].lr, config.stages[0].full) == (
            128,
            256,
            2e-4,
            4,
        )


def test_unknown_recipes_name_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_path("papr")
    assert "paper-v1" in caught.value.hint
