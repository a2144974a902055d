"""The review desk: what it takes and refuses over HTTP, and the page in a real browser."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakescan.errors import DataError
from fakescan.reports.desk_page import DeskPage, page_files
from fakescan_trainer.data.decisions import Decision, applied, read
from fakescan_trainer.data.facts import Reencoder
from fakescan_trainer.data.review import POLICY, ReviewDesk, ReviewServer
from fakescan_trainer.data.samples import read_samples
from tests.support.chromium import barriers, chromium
from tests.trainer.data.conftest import Run

HOSTILE = "</textarea><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
Ask = Callable[..., tuple[int, Any, http.client.HTTPMessage]]


@pytest.fixture
def notes(photos: Path) -> Path:
    rows = [
        {"image": "real/press/00.png", "caption": "One.", "attributes": {"High Image Quality": "Sharp."}},
        {"image": "fake/alpha/02.png", "caption": HOSTILE, "attributes": {"Semantic Irrationality": HOSTILE}},
        {"image": "fake/alpha/06.png", "caption": "Three.", "attributes": {}},
        {"image": "fake/beta/03.png", "caption": "Not annotated."},
    ]
    path = photos / "annotations.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def decisions(photos: Path) -> Path:
    return photos / "reviewed.jsonl"


@pytest.fixture
def server(notes: Path, photos: Path, decisions: Path) -> Iterator[ReviewServer]:
    with Reencoder(photos, 200) as pictures:
        desk = ReviewDesk(read_samples(notes).sound().samples, decisions, pictures)
        with ReviewServer(desk, page_files(DeskPage.REVIEW)) as running:
            thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            yield running
            running.shutdown()
            thread.join()


@pytest.fixture
def ask(loopback: None, server: ReviewServer) -> Ask:
    def send(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
        own = {"Origin": server.origin, "Content-Type": "application/json"} if method == "POST" else {}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, data, {name: value for name, value in own.items() if value})
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(raw) if is_json else raw, answer.headers

    return send


def decision(server: ReviewServer, place: int = 0, **changes: Any) -> dict[str, Any]:
    shown = server.desk.shown(place)
    attributes = {item["name"]: item["text"] for item in shown["attributes"]}
    about = {"at": place, "of": shown["of"], "decision": "accept", "caption": shown["caption"]}
    return {**about, "attributes": attributes, "reviewer": "J. Doe", "note": "", **changes}


def test_a_decision_is_written_and_survives_a_restart(
    ask: Ask, server: ReviewServer, decisions: Path, notes: Path, photos: Path
) -> None:
    base = f"/{server.token}"
    assert ask("GET", f"{base}/next")[1] == {"next": 0}
    status, found, _ = ask("POST", f"{base}/decide", decision(server))
    assert (status, found) == (200, {"next": 1})
    edited = {"Semantic Irrationality": "  Six\nfingers. ", "Low Image Quality": ""}
    ask("POST", f"{base}/decide", decision(server, 1, decision="edit", caption="A hand.", attributes=edited, note="ok"))
    assert ask("POST", f"{base}/decide", decision(server, 2, decision="reject"))[1] == {"next": None}
    kept = read(decisions)
    assert [d.decision for d in kept] == [Decision.ACCEPT, Decision.EDIT, Decision.REJECT]
    assert (kept[1].caption, kept[1].attributes) == ("A hand.", {"Semantic Irrationality": "Six fingers."})
    assert {d.reviewer for d in kept} == {"J. Doe"}
    samples = read_samples(notes).sound().samples
    assert [s.caption for s in applied(samples, kept).samples] == ["One.", "A hand.", "Not annotated."]
    with Reencoder(photos, 64) as pictures:
        again = ReviewDesk(samples, decisions, pictures)
        assert again.counts() == {"accept": 1, "edit": 1, "reject": 1, "open": 0}
        assert again.shown(1)["caption"] == "A hand."


def test_only_who_knows_the_address_gets_an_answer(ask: Ask, server: ReviewServer, decisions: Path) -> None:
    base = f"/{server.token}"
    status, _, headers = ask("GET", f"{base}/")
    assert status == 200
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in POLICY
    assert len(server.token) >= 40
    for path in ("/", "/next", f"/{server.token[:-1]}/next", f"/{'x' * len(server.token)}/next", f"{base}", "/%C3%A9/"):
        assert ask("GET", path)[0] == 404, path
    for path in ("annotation/9", "annotation/-1", "annotation/x", "picture/9", "../review.py", "picture/0/x", "x"):
        assert ask("GET", f"{base}/{path}")[0] == 404, path
    good = decision(server)
    # Rebinding of a name, a page of another origin, a plain form, no origin, a body that is none.
    assert ask("GET", f"{base}/next", Host="evil.example")[0] == 404
    assert ask("GET", f"{base}/next", Sec_Fetch_Site="cross-site")[0] == 404
    assert ask("POST", f"{base}/decide", good, Host="evil.example")[0] == 404
    assert ask("POST", f"{base}/decide", good, Origin="http://evil.example")[0] == 404
    assert ask("POST", f"{base}/decide", good, Origin="null")[0] == 404
    assert ask("POST", f"{base}/decide", good, Origin="")[0] == 404
    assert ask("POST", f"{base}/decide", good, Content_Type="text/plain")[0] == 404
    assert ask("POST", "/decide", good)[0] == 404
    assert ask("POST", f"{base}/decide", b"x" * 200_000)[0] == 404
    assert ask("POST", f"{base}/decide", b"[]")[0] == 400
    assert ask("POST", f"{base}/decide", b"{")[0] == 400
    assert not decisions.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"of": "another"}, {"at": 99}, {"at": "0"}, {"decision": "drop"}, {"reviewer": " "}, {"caption": None},
        {"attributes": {"Low Image Quality": "of the other side"}}, {"caption": "x" * 9_000},
    ],
    ids=str,
)  # fmt: skip
def test_decisions_that_do_not_fit_are_refused(ask: Ask, server: ReviewServer, decisions: Path, changes: Any) -> None:
    status, found, _ = ask("POST", f"/{server.token}/decide", decision(server, **changes))
    assert status == 400
    assert found["error"]
    assert not decisions.exists()


def test_pictures_are_copies(ask: Ask, server: ReviewServer, photos: Path) -> None:
    status, data, headers = ask("GET", f"/{server.token}/picture/0")
    assert (status, headers["Content-Type"], data[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    (photos / "real/press/00.png").write_bytes(b"broken")
    assert ask("GET", f"/{server.token}/picture/0")[0] == 404


def test_nothing_to_review_is_an_error(cli: Run, photos: Path) -> None:
    with pytest.raises(DataError, match="no annotation"), Reencoder(photos, 64) as pictures:
        ReviewDesk(read_samples(photos).samples, photos / "r.jsonl", pictures)
    assert cli("review", photos, "-o", photos / "r.jsonl", "--no-browser")[0] == 2


@pytest.fixture
def page(server: ReviewServer) -> Iterator[Any]:
    with chromium() as browser:
        tab = browser.new_page()
        tab.complaints, tab.requests = [], []
        tab.on("console", lambda message: tab.complaints.append(message.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on("request", lambda request: tab.requests.append(request.url))
        tab.goto(server.url)
        tab.wait_for_selector("#attributes textarea")
        yield tab


def shows(page: Any, image: str) -> None:
    page.locator("#image", has_text=image).wait_for()


def test_an_expert_goes_through_all_annotations_in_the_browser(
    page: Any, server: ReviewServer, decisions: Path, notes: Path
) -> None:
    shows(page, "real/press/00.png")
    assert page.text_content("#label") == "real"
    assert page.eval_on_selector("#picture", "image => image.decode().then(() => image.naturalWidth)") == 96
    page.click("#accept")
    page.locator("#fault", has_text="Give your name first.").wait_for()
    assert not decisions.exists()
    page.fill("#reviewer", "J. Doe")
    page.press("#reviewer", "Escape")
    page.keyboard.press("a")
    shows(page, "fake/alpha/02.png")
    # What annotators wrote is text in the page, and nothing else.
    assert page.input_value("#caption") == HOSTILE
    assert page.title() == "Review of annotations"
    assert page.locator("main img").count() == 1
    page.fill("#caption", "A hand.")
    page.get_by_label("Semantic Irrationality").fill("Six fingers.")
    page.get_by_label("Low Image Quality").fill("")
    page.fill("#note", "seen large")
    page.click("#edit")
    shows(page, "fake/alpha/06.png")
    page.click("#edit")  # nothing was described: an edit needs an attribute
    page.locator("#fault", has_text="at least one attribute").wait_for()
    page.click("#reject")
    page.locator("#state", has_text="All are reviewed").wait_for()
    assert page.text_content("#progress") == "3 of 3 reviewed; number 3"
    page.click("#back")
    shows(page, "fake/alpha/02.png")
    assert page.input_value("#caption") == "A hand."
    page.locator("#state", has_text="Decided: edit (J. Doe)").wait_for()
    kept = read(decisions)
    assert [d.decision for d in kept] == [Decision.ACCEPT, Decision.EDIT, Decision.REJECT]
    assert kept[1].note == "seen large"
    assert [s.caption for s in applied(read_samples(notes).samples, kept).samples][:2] == ["One.", "A hand."]
    assert all(url.startswith(server.url) for url in page.requests)
    # The refused edit is the only thing that the browser had to say.
    assert all("400" in text for text in page.complaints), page.complaints


def test_the_page_is_accessible(page: Any) -> None:
    assert barriers(page) == []


def test_the_command_prints_an_address_and_ends_with_ctrl_c(
    cli: Run, notes: Path, decisions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def interrupted(self: ReviewServer, poll_interval: float) -> None:
        self.desk.decide(decision(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", interrupted)
    monkeypatch.setattr("webbrowser.open", opened.append)
    code, out, err = cli("review", notes, "-o", decisions)
    assert code == 0
    assert out.startswith("http://127.0.0.1:")
    assert opened == [out.split()[0]]
    assert f"{decisions}: 1 accept, 2 open" in out
    assert "for you alone" in err
    assert cli("review", notes, "-o", decisions, "--no-browser")[0] == 0
    assert len(opened) == 1
