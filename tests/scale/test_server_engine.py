"""The engine that asks a server, against a server of its own process over the tests' tiny model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.pictures import png

pytestmark = pytest.mark.slow

_ASK = """
import json, sys, io
from types import SimpleNamespace
from PIL import Image
from fakescan.core.result_schema import prediction_to_dict
from fakescan.core.records import Failure
from fakescan.engines.openai import OpenAiEngine, ServerOptions
from fakescan.errors import ModelError
from tests.support.pictures import png
address, reasoning = sys.argv[1], sys.argv[2] == "reasoning"
try:
    engine = OpenAiEngine(ServerOptions(address, batch_size=3, first_wait_s=0.05))
    images = [SimpleNamespace(image=Image.open(io.BytesIO(png(n))).convert("RGB"), views=None, sha256=str(n))
              for n in range(3)]
    found = [{"failure": o.code} if isinstance(o, Failure) else prediction_to_dict(o)
             for o in engine.infer(images, reasoning=reasoning)]
    print(json.dumps({"name": engine.identity.name, "device": engine.identity.device, "found": found}))
except ModelError as fault:
    print(json.dumps({"error": fault.message, "hint": fault.hint}))
"""


@contextmanager
def served(repository: Path, model: Path, *flags: str) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.chat_server", str(model), *flags], cwd=repository,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        assert server.stdin is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        server.stdin.close()


def asked(repository: Path, address: str, *, reasoning: bool = True, **environment: str) -> dict[str, Any]:
    """What the engine makes of the server, in a process that may use the network."""
    kept = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = subprocess.run(
        [sys.executable, "-c", _ASK, address, "reasoning" if reasoning else "triage"], cwd=repository, timeout=300,
        capture_output=True, text=True, env={**kept, **environment},
    )  # fmt: skip
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def local_difference(model: Path, number: int, start: str) -> float:
    """z_fake - z_real of the same model, asked directly."""
    import io

    import torch
    from PIL import Image

    from fakescan.engines.decoding import Sequences
    from fakescan.model.build import image_embeddings, tower_features
    from fakescan.model.images import stacked, views_of
    from tests.support.chat_server import Chat
    from tests.support.pictures import png

    engine = Chat(model).engine
    prep = engine.info.preprocessing
    image = Image.open(io.BytesIO(png(number))).convert("RGB")
    with torch.inference_mode():
        sequences = Sequences(engine.llava, 1)
        features = tower_features(engine.llava, stacked(views_of(image, None, prep), prep))
        sequences.append([engine.prompt.head], image_embeddings(engine.llava, features, len(prep.views)))
        tokens = engine.tokenizer.encode(start, add_special_tokens=False)
        sequences.append([(*engine.prompt.free_opening, *tokens)])
        real, fake = sequences.logits_of([engine.anchors.real_id, engine.anchors.fake_id])[0].tolist()
    return float(fake - real)


def test_scores_are_those_of_the_model_behind_the_server(repository: Path, tiny_model: Path) -> None:
    # Twice out of order with 503: tried again without anybody noticing.
    with served(repository, tiny_model, "--fail-first", "2") as address:
        full = asked(repository, address)
        triage = asked(repository, address.replace("http://", "http://me:hunter2@"), reasoning=False)
    assert full["name"] == "tiny"
    assert "hunter2" not in json.dumps(triage)
    for number, (row, quick) in enumerate(zip(full["found"], triage["found"], strict=True)):
        pair = quick["logits"]["before"]
        expected = local_difference(tiny_model, number, "<CONCLUSION> This image is")
        assert pair["fake"] - pair["real"] == pytest.approx(expected, abs=1e-4)
        assert row["logits"]["before"] is None
        assert row["tokens"] > 0
        assert row["stages"]["conclusion"].startswith("Based on the analysis above, this image is")
    answers = {(row["logits"]["after"]["real"], row["logits"]["after"]["fake"]) for row in full["found"]}
    assert len(answers) == 3  # each picture its own


def test_a_server_without_logprobs_is_told_clearly(repository: Path, tiny_model: Path) -> None:
    with served(repository, tiny_model, "--no-logprobs") as address:
        assert "no logprobs" in asked(repository, address, reasoning=False)["error"]


def test_a_server_that_goes_on_failing_costs_pictures_and_a_key_is_sent(repository: Path, tiny_model: Path) -> None:
    with served(repository, tiny_model, "--fail-first", "1000") as address:
        found = asked(repository, address, reasoning=False)["found"]
        assert [row["failure"] for row in found] == ["server-failed"] * 3
    with served(repository, tiny_model, "--key", "k-hunter2") as address:
        refused = asked(repository, address, reasoning=False)
        assert "401" in refused["error"]
        assert "OPENAI_API_KEY" in refused["hint"]
        assert len(asked(repository, address, reasoning=False, OPENAI_API_KEY="k-hunter2")["found"]) == 3
    assert "cannot be reached" in asked(repository, address, reasoning=False)["error"]


_SAID = {
    "real/0": ((9, 9, 200), "It looks like a photograph. This image is real."),
    "real/1": ((9, 9, 220), "<REASONING> Odd. </REASONING> <CONCLUSION> This image is fake. </CONCLUSION>"),
    "fake/0": ((200, 9, 9), "I'm sorry, I cannot help with that."),
    "fake/1": ((220, 9, 9), "A red square on a wall."),
    "fake/2": ((240, 9, 9), "This image is fake."),
}


@pytest.mark.parametrize("flag", ["--no-logprobs", "--no-begun"])
def test_an_evaluation_judges_a_server_without_logprobs_by_its_text(
    repository: Path, tiny_model: Path, tmp_path: Path, flag: str
) -> None:
    for name, (colour, _) in _SAID.items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 32), colour).save(tmp_path / "set" / f"{name}.png")
    said = [f"--say={','.join(map(str, colour))}={text}" for colour, text in _SAID.values()]
    with served(repository, tiny_model, flag, *said) as address:
        words = ["set", "--engine", "openai", "--base-url", address.replace("http://", "http://me:hunter2@")]
        at = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), *sys.path])}

        def fakescan(command: str, *more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "fakescan", command, *words, *more, "--json"], cwd=tmp_path, env=at,
                timeout=300, capture_output=True, text=True, check=False,
            )  # fmt: skip

        # Whatever text is asked for: there is nothing else.
        done = fakescan("eval", "--bootstrap", "0", "--reasoning", "none")
        scanned = fakescan("scan")
    assert done.returncode == 3, done.stderr
    assert "judged by their text alone" in done.stderr
    found = json.loads(done.stdout)
    assert (found["by_text"]["refused"], found["by_text"]["unparsable"]) == (1, 1)
    assert (found["overall"]["real_accuracy"], found["overall"]["fake_accuracy"]) == (1 / 2, 1 / 3)
    assert {error["path"]: error["code"] for error in found["errors"]} == {
        "fake/0.png": "refused", "fake/1.png": "unparsable"
    }  # fmt: skip
    assert "hunter2" not in done.stdout + done.stderr
    if flag == "--no-logprobs":
        assert scanned.returncode == 2
        assert "no logprobs" in scanned.stderr
    else:
        assert scanned.returncode == 3
        assert {row["error"]["code"] for row in json.loads(scanned.stdout)["results"]} == {"server-refused"}


@pytest.mark.parametrize("reasoning", ["all", "flagged", "none"])
def test_checks_work_with_a_server(repository: Path, tiny_model: Path, tmp_path: Path, reasoning: str) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    # The text of a tiny random model has no sentences to audit: that much only shows that it disturbs nothing.
    checks = ["--stability", "2", *(["--audit"] if reasoning != "none" else [])]
    with served(repository, tiny_model) as address:
        words = ["scan", str(tmp_path), "--engine", "openai", "--base-url", address, "--reasoning", reasoning]
        done = subprocess.run(
            [sys.executable, "-m", "fakescan", *words, *checks, "--json", "--run-dir", str(tmp_path / "run")],
            cwd=repository, timeout=300, capture_output=True, text=True, check=False,
        )  # fmt: skip
    rows = json.loads(done.stdout)["results"]
    assert len(rows) == 3, done.stderr
    for row in rows:
        assert len(row["stability"]) == 2
        # What the other encodings are held against.
        assert row["scores"]["before_reasoning"] is not None
        assert (row["scores"]["after_reasoning"] is None) == (row["stages"] is None)
