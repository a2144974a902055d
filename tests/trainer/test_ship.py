"""What a run leaves: facts, card, page, the merged model; and the way to the hub, whose client is faked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fakescan.cli.app import run
from fakescan.model.checkpoints.ours import file_sha256, load_checkpoint, read_info
from fakescan_trainer.loop import train
from tests.support.chromium import barriers, chromium
from tests.trainer.conftest import build

HOSTILE = '<img src=x onerror="document.title=1">'
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def finished(recipe: dict[str, Any], tmp_path: Path) -> Path:
    """A run's folder, merged model and all; the data's licence is as hostile as a recipe can be."""
    recipe["run"]["export"] = "merged"
    recipe["data"]["licence"] = HOSTILE
    recipe["model"]["licence"] = "Apache-2.0"
    train(build(recipe))
    return tmp_path / "run"


def test_the_card_tells_what_the_run_was(finished: Path, mmfr: Path, tiny_base: Path) -> None:
    card = (finished / "checkpoint" / "MODEL_CARD.md").read_text("utf-8")
    assert file_sha256(mmfr / "forgery_reasoning_cot.json") in card
    assert file_sha256(mmfr / "validation.json") in card
    assert file_sha256(tiny_base / "model.safetensors") in card
    assert "8 AI-generated, 8 real, of 4 sources" in card
    assert "| Steps | 7 in " in card
    assert "| auc | " in card
    assert "Apache-2.0" in card
    assert "Not calibrated" in card
    assert "Not evaluated on a test set" in card
    assert "<img" not in card.replace("\\<img", "")
    facts = json.loads((finished / "facts.json").read_text("utf-8"))
    assert facts["training"]["processes"] == 1
    assert facts["validation"].keys() >= {"auc", "bce"}


def test_the_merged_model_gives_the_same_and_needs_no_base(finished: Path, mmfr: Path, tmp_path: Path) -> None:
    apart, merged = load_checkpoint(finished / "checkpoint"), load_checkpoint(finished / "merged")
    assert merged.info.lora is None
    assert not Path(merged.info.base).is_absolute()
    one, two = apart.llava.state_dict(), merged.llava.state_dict()
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, msg=name)
    assert not any("lora_" in name for name in two)
    half = tmp_path / "half"
    assert run(["model", "merge", str(finished / "checkpoint"), str(half), "--dtype", "float16"]) == 0
    assert run(["model", "verify", str(half)]) == 0
    stored = (half / "base" / "model.safetensors").stat().st_size
    assert stored < 0.6 * (finished / "merged" / "base" / "model.safetensors").stat().st_size
    assert run(["model", "merge", str(finished / "checkpoint"), str(half)]) == 2  # there already
    assert run(["model", "merge", str(finished / "checkpoint"), str(tmp_path / "x"), "--dtype", "int3"]) == 2
    assert not list(tmp_path.glob("*.unfinished*"))


def test_figures_and_a_calibration_come_into_the_card(finished: Path, tmp_path: Path, capsys: Captured) -> None:
    checkpoint = finished / "checkpoint"
    digest = read_info(checkpoint).weights_sha256
    span = {"accuracy": [0.5, 1.0]}
    figures = {"n_fake": 3, "n_real": 4, "n_without_score": 1, "accuracy": 0.75, "auroc": 0.9, "intervals": span}
    document = {
        "fakescan_evaluation": "1", "data": {"name": "a | set"}, "overall": figures, "average": {}, "groups": {},
        "images": [], "detector": {"name": "tiny", "weights_sha256": digest},
    }  # fmt: skip
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(document), "utf-8")
    assert run(["model", "card", str(checkpoint), "--eval", str(path)]) == 0
    card = (checkpoint / "MODEL_CARD.md").read_text("utf-8")
    assert "| Accuracy | 0.750 | 0.500 to 1.000 |" in card
    assert "a \\| set" in card
    path.write_text(json.dumps(document | {"detector": {"name": "x", "weights_sha256": "0" * 64}}), "utf-8")
    assert run(["model", "card", str(checkpoint), "--eval", str(path)]) == 2
    assert "another model" in capsys.readouterr().err
    assert run(["model", "card", str(checkpoint), "--run", str(tmp_path)]) == 2
    assert "facts.json" in capsys.readouterr().err


class FakeHub:
    """In the place of huggingface_hub's client."""

    calls: list[tuple[str, Any]] = []  # noqa: RUF012 - emptied by the fixture

    def create_repo(self, repository: str, **how: Any) -> None:
        self.calls.append((repository, how))

    def create_commit(self, repository: str, operations: Any, **how: Any) -> Any:
        if repository.endswith("/refused"):
            raise OSError("403 Forbidden")
        self.calls.append((repository, {o.path_in_repo: Path(o.path_or_fileobj).read_bytes() for o in operations}))
        return SimpleNamespace(commit_url=f"https://hub.example/{repository}/commit/1")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    monkeypatch.setattr("huggingface_hub.HfApi", FakeHub)
    FakeHub.calls = []
    return FakeHub.calls


def test_a_model_is_pushed_on_request_only(finished: Path, hub: list[tuple[str, Any]], capsys: Captured) -> None:
    merged = finished / "merged"
    assert run(["model", "push", str(merged), "somebody/mine"]) == 2
    assert "nothing was sent" in capsys.readouterr().err
    assert hub == []
    assert run(["model", "push", str(merged), "somebody/mine", "--yes"]) == 0
    assert "https://hub.example/somebody/mine/commit/1" in capsys.readouterr().out
    (_, how), (_, sent) = hub
    assert how["private"] is True
    assert {"fakescan.json", "README.md", "adapter.safetensors", "base/model.safetensors", "base/config.json"} <= set(
        sent
    )
    assert sent["README.md"] == (merged / "MODEL_CARD.md").read_bytes()
    assert str(finished) not in sent["fakescan.json"].decode()
    assert run(["model", "push", str(merged), "somebody/refused", "--yes"]) == 2
    assert "403 Forbidden" in capsys.readouterr().err


def test_what_would_not_work_elsewhere_is_not_pushed(
    finished: Path, hub: list[tuple[str, Any]], capsys: Captured
) -> None:
    assert run(["model", "push", str(finished / "checkpoint"), "somebody/mine", "--yes"]) == 2
    assert "fakescan model merge" in capsys.readouterr().err
    assert run(["model", "push", str(finished / "merged"), "no address", "--yes"]) == 2
    weights = finished / "merged" / "adapter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert run(["model", "push", str(finished / "merged"), "somebody/mine", "--yes"]) == 2
    assert "damaged" in capsys.readouterr().err
    assert hub == []


def test_the_page_of_a_run_in_a_browser(finished: Path, capsys: Captured) -> None:
    assert run(["train", "--report", str(finished)]) == 0
    page = finished / "report.html"
    assert capsys.readouterr().out.strip() == str(page)
    assert run(["train", "--report", str(finished / "checkpoint")]) == 2
    with chromium() as browser:
        tab = browser.new_page()
        tab.set_default_timeout(120_000)
        complaints: list[str] = []
        requests: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(page.as_uri())
        titles = tab.locator("figcaption strong").all_text_contents()
        assert {"Total loss", "Forgery-aligned contrast", "Area under the ROC curve", "tau"} <= set(titles)
        assert tab.locator("polyline").count() == len(titles)
        drawn = tab.locator("polyline").first.bounding_box()
        assert drawn["width"] > 100  # the style is let in by the page's own policy
        assert tab.title() == "Training of tiny"
        assert HOSTILE.partition('"')[0] in tab.locator("main").text_content()
        assert tab.locator("img, script").count() == 0
        assert requests == [page.as_uri()]
        # Run from outside of the page, whose own policy lets no script run.
        assert barriers(tab) == []
        assert complaints == []
