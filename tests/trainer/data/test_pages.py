"""The pages of statistics and previews: figures that are right, and hostile texts that stay texts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from fakescan.core.records import Label
from fakescan_trainer.data.markup import element, page
from fakescan_trainer.data.samples import Sample
from fakescan_trainer.data.stats import stats_of
from tests.trainer.data.conftest import Run

HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"' &amp; \x1b[2J\u202e \ud800"


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    text = page(HOSTILE, element("p", HOSTILE, title=HOSTILE), element("h2", "a", element("b", HOSTILE), HOSTILE))
    found = Tags(text)
    assert {tag for tag, _ in found.tags} == {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "p",
        "h2",
        "b",
    }
    assert found.text.count("alert(1)</script>") == 5
    assert found.text.count("&amp;") == 5
    assert "\\x1b[2J\\u202e \\ud800" in found.text
    text.encode("utf-8")
    policy = next(about["content"] for tag, about in found.tags if about.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "script" not in policy


def rows(photos: Path) -> Path:
    path = photos / "notes.jsonl"
    some = [
        {
            "image": "real/press/00.png",
            "caption": "one two three",
            "attributes": {"High Image Quality": "Sharp as can be."},
        },
        {"image": "fake/alpha/02.png", "caption": HOSTILE, "attributes": {"Semantic Irrationality": HOSTILE}},
        {"image": "fake/alpha/06.png", "split": "test"},
    ]
    path.write_text("\n".join(map(json.dumps, some)))
    return path


def test_the_preview_holds_its_pictures_and_nothing_that_runs(cli: Run, photos: Path) -> None:
    notes = rows(photos)
    (photos / "fake/alpha/06.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    code, _, err = cli("preview", notes, "-o", photos / "preview.html")
    assert code == 0, err
    found = Tags((photos / "preview.html").read_text("utf-8"))
    images = [about for tag, about in found.tags if tag == "img"]
    assert len(images) == 2
    assert all((about["src"] or "").startswith("data:image/jpeg;base64,") for about in images)
    assert not [tag for tag, about in found.tags if tag == "script" or any(name.startswith("on") for name in about)]
    assert "Cannot be shown" in found.text
    assert "Sharp as can be." in found.text
    assert cli("preview", notes, "-o", photos / "preview.html")[0] == 2, "overwritten without --force"


def test_a_preview_of_many_draws_some(cli: Run, photos: Path) -> None:
    shown = []
    for seed in ("1", "1", "2"):
        cli("preview", photos, "-o", photos / "p.html", "--limit", "3", "--seed", seed, "--force")
        shown.append(re.findall(r"<h2>(.*?)</h2>", (photos / "p.html").read_text()))
    assert shown[0] == shown[1] != shown[2]
    assert len(shown[0]) == 3


def test_statistics_count_what_is_there(cli: Run, photos: Path) -> None:
    code, out, _ = cli("stats", rows(photos), "--json", "-o", photos / "stats.html")
    found = json.loads(out)
    assert code == 0
    assert (found["images"], found["labels"], found["splits"]) == (3, {"real": 1, "fake": 2}, {"test": 1})
    assert found["annotated"] == {"real": 1, "fake": 1}
    assert found["attributes"]["real"]["High Image Quality"] == 1
    assert found["attributes"]["fake"]["Irregular Image Edges"] == 0
    assert found["caption_words"]["texts"] == 2
    page_text = (photos / "stats.html").read_text("utf-8")
    assert "Figure 5" in page_text
    assert "High Image Quality" in page_text
    assert "1 (100%)" in Tags(page_text).text


def test_the_bins_of_lengths_hold_every_text() -> None:
    texts = [" ".join(["w"] * number) for number in (1, 9, 10, 25, 700)]
    lengths = stats_of([Sample(f"{n}.png", Label.REAL, "s", caption=text) for n, text in enumerate(texts)]).captions
    assert lengths.bins[:3] == (2, 1, 1)
    assert (len(lengths.bins), lengths.bins[-1], sum(lengths.bins)) == (20, 1, 5)
    assert (lengths.mean, lengths.median, lengths.longest) == (149, 10, 700)
