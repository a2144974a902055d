"""``fakescan data annotate`` against a real server on this machine: what goes out, what comes back, what goes wrong."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan_trainer.data import endpoint as endpoints
from fakescan_trainer.data.endpoint import AskError, Endpoint, EndpointError, checked_url, reply_of
from fakescan_trainer.data.pace import Pace, Patience
from fakescan_trainer.data.samples import read_samples
from tests.trainer.data.chat_server import KEY, Answer, Asked, Server, good, says, serving
from tests.trainer.data.conftest import Run, draw

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as about:
        yield about


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is set, and waits between tries are short."""
    monkeypatch.setenv("CHAT_KEY", KEY)
    monkeypatch.setattr(endpoints, "_shaken", lambda seconds: seconds * 0.002)


@pytest.fixture
def ask(cli: Run, photos: Path, server: Server) -> Callable[..., tuple[int, str, str]]:
    def run(*more: str | Path, yes: bool = True) -> tuple[int, str, str]:
        common = ["--endpoint", server.url, "--model", "m", "--key-env", "CHAT_KEY", *(["--yes"] * yes)]
        return cli("annotate", photos, "-o", photos / "annotations.jsonl", *common, *more)

    return run


def rows(photos: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (photos / "annotations.jsonl").read_text().splitlines()]


def failing_first(times: int, answer: Answer) -> Callable[[Asked], Answer]:
    """Every question fails so many times before it is answered."""
    seen: Counter[bytes] = Counter()

    def respond(asked: Asked) -> Answer:
        seen[asked.raw] += 1
        return answer if seen[asked.raw] <= times else good(asked)

    return respond


def test_every_image_gets_a_caption_and_its_labels_attributes(ask: Any, photos: Path, server: Server) -> None:
    code, out, err = ask()
    assert code == 0, err
    assert "12 annotated" in out
    assert "24 requests about 12 images" in err
    assert "used: 2,400 tokens in, 480 out" in err
    listing = read_samples(photos / "annotations.jsonl").sound()
    assert {(s.label, tuple(s.attributes or ())) for s in listing.samples} == {
        (Label.FAKE, ("Low Image Quality",)), (Label.REAL, ("High Image Quality",)),
    }  # fmt: skip
    assert {s.caption for s in listing.samples} == {"Soft spots of colour."}
    assert Counter((a.is_caption, a.label) for a in server.asked if not a.is_caption) == {
        (False, "fake"): 6, (False, "real"): 6,
    }  # fmt: skip
    assert {a.headers["authorization"] for a in server.asked} == {f"Bearer {KEY}"}


def test_nothing_is_sent_without_a_confirmation(
    ask: Any, photos: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))  # no terminal: nobody is there to confirm
    code, _, err = ask(yes=False)
    assert code == 2
    assert "nothing was sent" in err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    asked: list[str] = []
    monkeypatch.setattr(typer, "confirm", lambda text, err: bool(asked.append(text)))  # type: ignore[func-returns-value]
    assert ask(yes=False)[0] == 2
    assert "12 images with their labels to " + server.url in asked[0]
    assert ask("--estimate")[0] == 0
    assert server.asked == []
    assert not (photos / "annotations.jsonl").exists()
    monkeypatch.setattr(typer, "confirm", lambda text, err: True)
    assert ask("--limit", "1", yes=False)[0] == 0
    assert len(server.asked) == 2


def test_pictures_go_out_small_and_without_their_metadata(cli: Run, tmp_path: Path, server: Server) -> None:
    path = draw(tmp_path / "set/fake/a/x.jpg", 1, (300, 200), exif=b"Exif\0\0" + b"GPS-SECRET", comment=b"GPS-SECRET")
    assert b"GPS-SECRET" in path.read_bytes()
    common = ["--endpoint", server.url, "--key-env", "", "--yes", "--max-side-px", "64"]
    assert cli("annotate", tmp_path / "set", "-o", tmp_path / "a.jsonl", *common)[0] == 0
    assert {asked.size for asked in server.asked} == {(64, 43)}
    assert not any(b"GPS-SECRET" in asked.picture or b"x.jpg" in asked.raw for asked in server.asked)
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.01"}),
        Answer(429, {"error": "slow down"}),
        Answer(500, raw=b"<html>oops"),
        Answer(503, raw=b""),
        Answer(200, raw=b"{not json"),
        Answer(200, {"choices": []}),
        Answer(200, [1]),
        Answer(200, {"choices": [{"message": {"content": {"a": 1}}}]}),
    ],
    ids=lambda answer: f"{answer.status}-{str(answer.body or answer.raw)[:20]}",
)
def test_trouble_that_passes_costs_nothing_but_time(ask: Any, photos: Path, server: Server, trouble: Answer) -> None:
    server.answer = failing_first(2, trouble)
    code, out, err = ask("--limit", "3")
    assert code == 0, err
    assert "3 annotated" in out
    assert len(server.asked) == 18


def test_trouble_that_stays_is_an_image_without_an_answer_and_is_tried_again_later(
    ask: Any, photos: Path, server: Server
) -> None:
    def respond(asked: Asked) -> Answer:
        return Answer(500) if not asked.is_caption and asked.label == "fake" else good(asked)

    server.answer = respond
    code, out, _ = ask("--retries", "1")
    assert code == 3
    assert "6 annotated, 6 without a usable answer" in out
    failed = [row for row in rows(photos) if row["status"] == "error"]
    assert {row["why"] for row in failed} == {"attributes: status 500; given up after 2 tries"}
    before, server.answer = len(server.asked), good
    code, out, _ = ask()
    assert code == 0
    assert "6 annotated, 6 done before" in out
    assert len(server.asked) - before == 6, "captions that were there were paid for again"
    assert len(read_samples(photos / "annotations.jsonl").sound().samples) == 12


def test_a_slow_server_is_not_waited_for_without_end(ask: Any, photos: Path, server: Server) -> None:
    server.answer = failing_first(1, Answer(200, says("late"), delay_s=1.0))
    code, out, err = ask("--limit", "1", "--timeout-s", "0.3")
    assert code == 0, err
    assert "1 annotated" in out


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ('{"Answer": "Can not determine if the image is real or fake."}', "undetermined"),
        ('{"Answer": "The image is real.", "Forgery Attributes": {"Low Image Quality": "x"}}', "contradicts"),
    ],
)
def test_answers_without_the_labels_side_are_filtered_and_counted_and_not_asked_again(
    ask: Any, photos: Path, server: Server, content: str, status: str
) -> None:
    server.answer = lambda asked: (
        good(asked) if asked.is_caption or asked.label == "real" else Answer(body=says(content))
    )
    code, out, _ = ask()
    assert code == 0
    assert "6 annotated, 6 " in out
    assert "(filtered)" in out
    assert Counter(row["status"] for row in rows(photos)) == {"ok": 6, status: 6}
    assert sum(s.attributes is None for s in read_samples(photos / "annotations.jsonl").sound().samples) == 6
    before = len(server.asked)
    assert "nothing to ask" in ask()[1]
    assert len(server.asked) == before


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (says("I'm sorry, I can't help with that."), "no JSON object with an Answer"),
        (says(None, message={"content": None, "refusal": "no"}), "it was refused"),
        (says('{"Answer": "The image is fa', finish_reason="length"), "it was cut off at --max-tokens"),
        (says("", finish_reason="content_filter"), "it was filtered"),
    ],
)
def test_refusals_and_answers_that_are_none_are_kept_with_their_reason(
    ask: Any, photos: Path, server: Server, reply: Any, why: str
) -> None:
    server.answer = lambda asked: good(asked) if asked.is_caption else Answer(body=reply)
    assert ask("--limit", "2")[0] == 3
    assert {row["why"] for row in rows(photos)} == {f"attributes: {why}"}
    assert {row["caption"] for row in rows(photos)} == {"Soft spots of colour."}


def test_names_that_are_no_attributes_are_left_out_and_told(ask: Any, photos: Path, server: Server) -> None:
    text = '{"Answer": "The image is fake.", "Forgery Attributes": {"Odd Hands": "x", "Low Image Quality": "y"}}'
    server.answer = lambda asked: good(asked) if asked.is_caption or asked.label == "real" else Answer(body=says(text))
    code, _, err = ask()
    assert code == 0
    assert "6 descriptions of 'Odd Hands'" in err
    assert read_samples(photos / "annotations.jsonl").faults == ()


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(401, {"error": {"message": f"bad key {KEY}"}}),
        Answer(404, {"error": {"message": "no such model"}}),
        Answer(429, {"error": {"code": "insufficient_quota", "message": "pay"}}),
        Answer(301, raw=b"", headers={"Location": "http://192.0.2.1/v1"}),
    ],
    ids=["401", "404", "no credit", "redirect"],
)
def test_what_no_image_will_pass_ends_the_run_and_keeps_what_was_answered(
    ask: Any, photos: Path, server: Server, refusal: Answer
) -> None:
    def respond(asked: Asked) -> Answer:
        return good(asked) if len(server.asked) <= 5 else refusal

    server.answer = respond
    code, out, err = ask("--concurrency", "1", "--retries", "0")
    assert code == (3 if refusal.status == 301 else 2)
    kept = rows(photos)
    assert Counter(row["status"] for row in kept)["ok"] == 2
    assert kept[2]["caption"], "a caption that was paid for is lost"
    if code == 2:
        assert len(server.asked) < 12
    assert KEY not in out + err + (photos / "annotations.jsonl").read_text()


def test_a_run_of_failures_ends_before_everything_was_tried(ask: Any, photos: Path, server: Server) -> None:
    for number in range(40):
        draw(photos / "real/more" / f"{number}.png", 50 + number)
    server.answer = lambda asked: Answer(400, {"error": {"message": "no images here"}})
    code, _, err = ask()
    assert code == 2
    assert "no images here" in err
    assert len(server.asked) < 104


def test_an_interrupted_run_goes_on_where_it_ended(
    ask: Any, photos: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fakescan_trainer.data import annotations

    add, added = annotations.AnnotationFile.add, []

    def interrupted(self: Any, annotation: Any) -> None:
        add(self, annotation)
        added.append(annotation)
        if len(added) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(annotations.AnnotationFile, "add", interrupted)
    code, _, err = ask("--concurrency", "2")
    assert code == 130
    assert "goes on from there" in err
    done = len({row["image"] for row in rows(photos) if row["status"] == "ok"})
    assert 4 <= done < 12
    with (photos / "annotations.jsonl").open("ab") as file:
        file.write(b'{"image": "half a li')  # the plug was pulled
    code, out, _ = ask()
    assert code == 0
    assert f"{12 - done} annotated, {done} done before" in out
    assert len(server.asked) == 24, "an answer that was paid for was asked for again"


def test_a_changed_picture_another_model_or_label_is_asked_about_anew(ask: Any, photos: Path, server: Server) -> None:
    ask()
    draw(photos / "real/press/00.png", 99)
    before = len(server.asked)
    assert "1 annotated, 11 done before" in ask()[1]
    assert len(server.asked) - before == 2
    assert "12 annotated" in ask("--model", "another")[1]


def test_so_many_questions_at_once_and_no_more(ask: Any, server: Server) -> None:
    server.answer = lambda asked: Answer(body=good(asked).body, delay_s=0.05)
    ask("--concurrency", "3")
    assert 1 < server.most_at_once <= 3


def test_a_pace_is_kept_over_all_threads_and_a_pause_holds_all() -> None:
    now = 100.0
    waits: list[float] = []

    class Stopped:
        def wait(self, seconds: float) -> None:
            waits.append(round(seconds, 3))

    pace = Pace(30, lambda: now)
    for _ in range(3):
        pace.wait(Stopped())  # type: ignore[arg-type]
    assert waits == [2.0, 4.0]
    pace.pause(60)
    pace.wait(Stopped())  # type: ignore[arg-type]
    assert waits[-1] == 60.0


def test_a_file_that_cannot_be_opened_is_left_out_and_told(ask: Any, photos: Path) -> None:
    (photos / "real/press/00.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    code, out, err = ask()
    assert code == 3
    assert "11 annotated" in out
    assert "left out: real/press/00.png" in err


def test_costs_are_told_by_the_users_prices_only(ask: Any, photos: Path, tmp_path: Path, server: Server) -> None:
    assert "cost unknown" in ask("--estimate")[2]
    table = tmp_path / "prices.json"
    table.write_text(json.dumps({"m": {"input": 1000, "output": 2000, "currency": "EUR"}}))
    _, _, err = ask("--estimate", "--prices", table, "--image-tokens", "500", "--max-tokens", "100")
    tokens = int(err.split("about 12 images: about ")[1].split(" tokens")[0].replace(",", ""))
    assert tokens > 24 * 500
    assert f"about {tokens / 1000 + 24 * 100 * 2 / 1000:,.2f} EUR" in err
    _, _, err = ask("--prices", table)
    assert "3.36 EUR by your prices" in err  # 2,400 tokens in, 480 out
    assert ask("--prices", table, "--model", "unknown")[0] == 2
    table.write_text('{"m": {"input": "x"}}')
    assert ask("--prices", table)[0] == 2
    assert len(server.asked) == 24


def test_a_key_is_needed_elsewhere_and_never_sent_in_the_clear(cli: Run, photos: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("CHAT_KEY")
    common = ["annotate", photos, "-o", photos / "a.jsonl", "--yes", "--key-env", "CHAT_KEY"]
    code, _, err = cli(*common, "--endpoint", "https://example.invalid/v1")
    assert code == 2
    assert "CHAT_KEY holds no key" in err
    for url in (
        "http://example.invalid/v1",
        "ftp://127.0.0.1/v1",
        "127.0.0.1",
        "https://user:pw@example.invalid/v1",
        "",
    ):
        with pytest.raises(DataError):
            checked_url(url, KEY)
    assert checked_url("http://127.0.0.1:8000/v1", KEY)
    assert checked_url("http://example.invalid/v1", "")


def test_nobody_there(server: Server) -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m", KEY, patience=Patience(1, 0.01, 1.0))
    with pytest.raises(EndpointError, match="nobody answers"):
        endpoint.ask({})
    endpoint.stop()
    with pytest.raises(AskError, match="ended"):
        endpoint.ask({})
    endpoint.close()


@pytest.mark.parametrize("document", [None, [], {}, {"choices": [{}]}, {"choices": [{"message": {"content": 3}}]}])
def test_what_is_no_completion(document: Any) -> None:
    with pytest.raises(ValueError, match="no chat completion"):
        reply_of(document)
