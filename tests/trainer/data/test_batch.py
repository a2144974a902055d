"""Files of the Batch API: written, answered by somebody else, read."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.attributes import FAKE_ATTRIBUTES
from fakescan_trainer.data import batch
from fakescan_trainer.data.cost import tile_tokens
from fakescan_trainer.data.samples import read_samples
from tests.trainer.data.chat_server import says
from tests.trainer.data.conftest import Run


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def answers(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def answer(custom_id: str, content: str | None) -> dict[str, Any]:
    return {"custom_id": custom_id, "error": None, "response": {"status_code": 200, "body": says(content)}}


def test_written_answered_and_read(cli: Run, photos: Path, tmp_path: Path) -> None:
    common = ["annotate", photos, "-o", photos / "annotations.jsonl", "--model", "m"]
    code, out, err = cli(*common, "--batch-write", tmp_path / "batch")
    assert code == 0, err
    (path,) = map(Path, out.split())
    requests = lines(path)
    assert len(requests) == 24
    assert {(r["method"], r["url"], r["body"]["model"]) for r in requests} == {("POST", "/v1/chat/completions", "m")}
    assert len({r["custom_id"] for r in requests}) == 24
    address = requests[0]["body"]["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))[:3] == b"\xff\xd8\xff"
    assert not (photos / "annotations.jsonl").exists()
    assert cli(*common, "--batch-write", tmp_path / "batch")[0] == 2, "written over what is there"
    back = []
    for request in reversed(requests):
        task, label, _ = request["custom_id"].split(":")
        key, name = (
            ("Forgery Attributes", "Low Image Quality") if label == "fake" else ("Attributes", "High Image Quality")
        )
        text = (
            "A spot." if task == "caption" else json.dumps({"Answer": f"The image is {label}.", key: {name: "Spots."}})
        )
        back.append(answer(request["custom_id"], text))
    first = answers(tmp_path / "1.jsonl", back[:-1])
    code, out, err = cli(*common, "--batch-read", first)
    assert code == 3
    assert "11 annotated, 1 without a usable answer" in out
    failed = {"custom_id": back[-1]["custom_id"], "error": {"code": "expired"}, "response": None}
    second = answers(tmp_path / "2.jsonl", [failed, answer("caption:fake:0", "?")])
    code, out, err = cli(*common, "--batch-read", second)
    assert code == 3
    assert "1 answers are about no open image" in err
    code, out, _ = cli(*common, "--batch-read", answers(tmp_path / "3.jsonl", back[-1:]))
    assert code == 0
    assert "1 annotated, 11 done before" in out
    assert all(s.caption and s.attributes for s in read_samples(photos / "annotations.jsonl").sound().samples)


def test_the_authors_answers_are_found_by_the_images_path(cli: Run, photos: Path, tmp_path: Path) -> None:
    text = json.dumps({"Answer": "The image is fake.", "Forgery Attributes": {FAKE_ATTRIBUTES[0]: "Two suns."}})
    path = answers(tmp_path / "r.jsonl", [answer("fake/alpha/02.png", text), answer("if/1_fake/x.png", text)])
    code, _, err = cli("annotate", photos, "-o", photos / "a.jsonl", "--batch-read", path)
    assert code == 3
    assert "1 answers are about no open image" in err
    (row,) = lines(photos / "a.jsonl")
    assert row["attributes"] == {FAKE_ATTRIBUTES[0]: "Two suns."}
    assert row["image"] == "fake/alpha/02.png"


def test_files_of_requests_keep_the_limits(cli: Run, photos: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(batch.write_requests, "__kwdefaults__", {"most_requests": 7, "most_bytes": 10_000_000})
    _, out, _ = cli("annotate", photos, "-o", photos / "a.jsonl", "--batch-write", tmp_path / "b")
    assert [len(lines(Path(name))) for name in out.split()] == [7, 7, 7, 3]
    size = (tmp_path / "b/batchinput-00000.jsonl").stat().st_size
    monkeypatch.setattr(batch.write_requests, "__kwdefaults__", {"most_requests": 50, "most_bytes": size})
    _, out, _ = cli("annotate", photos, "-o", photos / "a.jsonl", "--batch-write", tmp_path / "c")
    assert len(out.split()) > 3
    assert all(Path(name).stat().st_size <= size for name in out.split())


def test_the_same_bytes_twice_are_asked_about_once(cli: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "fake/beta/copy.png").write_bytes((photos / "fake/alpha/02.png").read_bytes())
    _, out, _ = cli("annotate", photos, "-o", photos / "a.jsonl", "--batch-write", tmp_path / "b")
    requests = lines(Path(out.strip()))
    assert len(requests) == 24
    back = [answer(r["custom_id"], "A spot.") for r in requests if r["custom_id"].startswith("caption:")]
    cli("annotate", photos, "-o", photos / "a.jsonl", "--batch-read", answers(tmp_path / "r.jsonl", back))
    assert {row["image"] for row in lines(photos / "a.jsonl")} >= {"fake/beta/copy.png", "fake/alpha/02.png"}


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_damaged_file_of_answers_is_an_error(cli: Run, photos: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "r.jsonl").write_text(text)
    assert cli("annotate", photos, "-o", photos / "a.jsonl", "--batch-read", tmp_path / "r.jsonl")[0] == 2


@pytest.mark.parametrize(
    ("size", "tokens"), [((512, 512), 255), ((1024, 1024), 765), ((4096, 2048), 1105), ((100, 50), 255)]
)
def test_tokens_of_tiles(size: tuple[int, int], tokens: int) -> None:
    # 765 and 1,105 are OpenAI's own worked examples (1024 x 1024; 2048 x 4096 in high detail).
    assert tile_tokens(*size, 4096) == tokens
