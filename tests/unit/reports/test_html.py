from __future__ import annotations

import base64
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest

from fakescan.core.records import ImageResult, Label, Scan
from fakescan.errors import ReportError
from fakescan.reports.html import HtmlRenderer
from fakescan.reports.templates import read_template, template_roots

MakeResult = Callable[..., ImageResult]
MakeScan = Callable[..., Scan]
VOID = {"meta", "img", "input", "br"}


@dataclass
class Page(HTMLParser):
    """Elements, attributes and texts of a page, as a browser's parser would see them."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    raw: dict[str, list[str]] = field(default_factory=dict)
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open_tags and self.open_tags[-1] in ("script", "style"):
            self.raw.setdefault(self.open_tags[-1], []).append(data)
        else:
            self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def source(scan: Scan, thumbnails: dict[str, bytes] | None = None) -> str:
    out = StringIO()
    HtmlRenderer(thumbnails).render(scan, out)
    return out.getvalue()


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open_tags == []
    return page


@pytest.fixture
def previews(press_scan: Scan, picture_bytes: Callable[..., bytes]) -> dict[str, bytes]:
    paths = [result.record.file.path for result in press_scan.results][:4]
    return dict.fromkeys(paths, picture_bytes(32, 24, "WEBP"))


def test_the_page_asks_for_nothing(press_scan: Scan, previews: dict[str, bytes]) -> None:
    page = parse(source(press_scan, previews))
    assert page.count("link") + page.count("iframe") + page.count("object") + page.count("form") == 0
    assert all(address.startswith("#") for address in page.attributes("href"))
    assert all(address.startswith("data:image/webp;base64,") for address in page.attributes("src"))
    assert "http:" not in source(press_scan, previews)
    assert "https:" not in source(press_scan, previews)


def test_the_policy_allows_this_script_and_this_style_only(press_scan: Scan) -> None:
    page = parse(source(press_scan))
    policies = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in (policies[0] or "").split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag in ("script", "style"):
        assert page.count(tag) == 1
        digest = base64.b64encode(sha256("".join(page.raw[tag]).encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_hostile_text_stays_text(hostile_scan: Scan, press_scan: Scan) -> None:
    page, harmless = parse(source(hostile_scan)), parse(source(press_scan))
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "style"]
    assert page.count("img") == 0
    assert page.count("script") == harmless.count("script") == 1
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in harmless.tags}
    names = {name for _, attrs in page.tags for name in attrs}
    assert names <= {name for _, attrs in harmless.tags for name in attrs}
    assert "<script>alert(1)</script>.jpg" in page.text
    assert "rtl\\u202egpj.exe.jpg" in page.text
    assert "\u202e" not in source(hostile_scan)
    assert "{{7*7}}{% raw %}" in page.text


def test_a_preview_that_is_no_picture_is_not_embedded(make_scan: MakeScan, make_result: MakeResult) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    page = parse(source(make_scan([make_result()]), {"market.jpg": svg}))
    assert page.count("img") == 0
    assert "No preview of market.jpg" in page.attributes("aria-label")


def test_every_image_is_there_whole_without_script(press_scan: Scan) -> None:
    page = parse(source(press_scan))
    assert page.count("article") == len(press_scan.results)
    assert "the price tags carry strokes that form no letters" in page.text
    assert "market stall, oranges, Steps: 28" in page.text
    assert "not finished by the model" in page.text
    assert page.text.count("No text was asked for") == 16


def test_identifiers_are_unique_and_links_lead_somewhere(press_scan: Scan) -> None:
    page = parse(source(press_scan))
    assert not [name for name, number in Counter(page.attributes("id")).items() if number > 1]
    known = set(page.attributes("id"))
    fragments = [address[1:] for address in page.attributes("href") if "=" not in address]
    assert set(fragments) <= known
    assert set(page.attributes("aria-labelledby")) <= known


def test_headings_and_landmarks(press_scan: Scan) -> None:
    page = parse(source(press_scan))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [page.count(tag) for tag in ("main", "header", "footer")] == [1, 1, 1]
    assert [attrs["lang"] for tag, attrs in page.tags if tag == "html"] == ["en"]
    sections = [attrs.get("id") for tag, attrs in page.tags if tag == "section"]
    assert sections == ["first", "images", "errors", "sure", "limits", "custody"]


def test_errors_are_never_folded_away(press_scan: Scan) -> None:
    html = source(press_scan)
    start = html.index('<section id="errors"')
    part = html[start : html.index("</section>", start)]
    assert "<details" not in part
    assert " hidden" not in part
    assert "incoming/half.jpg" in part
    assert "ask for the file again" in part
    assert ".DS_Store" in part


def test_no_image_found(make_scan: MakeScan) -> None:
    page = parse(source(make_scan([], model=None, calibration={})))
    assert "No image was found, so nothing was examined." in page.text
    assert "No model was loaded" in page.text
    assert page.count("article") == 0


def test_nothing_but_errors_never_looks_clean(make_scan: MakeScan, make_result: MakeResult) -> None:
    page = parse(
        source(make_scan([make_result("a.jpg", None), make_result("b.jpg", None)], model=None, calibration={}))
    )
    assert "Not one file could be examined" in page.text
    assert "no picture was called AI-generated" not in page.text


def test_one_image_is_shown_open(make_scan: MakeScan, make_result: MakeResult) -> None:
    page = parse(source(make_scan([make_result()])))
    assert [attrs.get("class") for tag, attrs in page.tags if tag == "html"] == ["single"]
    assert "first" not in page.attributes("id")


def test_clean_scan_sends_the_reader_to_the_limits(make_scan: MakeScan, make_result: MakeResult) -> None:
    page = parse(source(make_scan([make_result(f"{index}.jpg", Label.REAL, 0.1) for index in range(3)])))
    assert "No contradiction was found, and no picture was called AI-generated or inconclusive." in page.text
    assert "Missing metadata proves nothing." in page.text


def test_without_calibration_the_number_is_called_a_score(make_scan: MakeScan, make_result: MakeResult) -> None:
    page = parse(source(make_scan([make_result()], calibration={})))
    assert "model score, not calibrated" in page.text
    assert "P(AI-generated)" not in page.text


def test_a_thousand_images_take_seconds(press_scan: Scan) -> None:
    results = []
    for index in range(1_000):
        result = press_scan.results[index % len(press_scan.results)]
        file = replace(result.record.file, path=f"{index:04}/{result.record.file.path}")
        results.append(replace(result, record=replace(result.record, file=file)))
    start = time.perf_counter()
    html = source(replace(press_scan, results=tuple(results)))
    assert time.perf_counter() - start < 15
    assert len(html) < 12_000_000
    assert html.count("<article") == 1_000


def test_own_templates_go_first_and_the_rest_stays(tmp_path: Path, press_scan: Scan) -> None:
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "_limits.html.j2").write_text('<section id="limits">Our limits.</section>', "utf-8")
    out = StringIO()
    HtmlRenderer(templates=tmp_path).render(press_scan, out)
    assert "Our limits." in out.getvalue()
    assert "Look here first" in out.getvalue()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("html/report.html.j2", "{{ page.nothing_like_this }}", "faulty template"),
        ("html/report.html.j2", "{% if %}", "faulty template"),
        ("html/report.html.j2", "{% include 'missing.j2' %}", "no such template"),
        ("assets/report.js", "x = '</script>'", "would end its element"),
    ],
)
def test_a_faulty_template_is_an_error_with_a_hint(
    tmp_path: Path, press_scan: Scan, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    with pytest.raises(ReportError, match=message) as caught:
        HtmlRenderer(templates=tmp_path).render(press_scan, StringIO())
    assert caught.value.hint


def test_a_missing_template_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no folder of templates"):
        template_roots(tmp_path / "none")


COLOURS = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{3,6});")
INKS = {
    "ink": ("paper", "sheet", "well", "error-ground"),
    "soft": ("paper", "sheet", "well"),
    "link": ("paper", "sheet", "error-ground"),
    "fake": ("paper", "sheet", "fake-ground"),
    "inconclusive": ("paper", "sheet", "inconclusive-ground"),
    "real": ("paper", "sheet", "real-ground"),
    "error": ("paper", "sheet", "error-ground"),
}


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(char * 2 for char in colour[1:])
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_contrast_of_every_ink_on_its_grounds(scheme: str) -> None:
    style = read_template(template_roots(), "assets/report.css")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 3
    colours = dict(COLOURS.findall(blocks[0])) | dict(COLOURS.findall(blocks[("light", "dark", "print").index(scheme)]))
    for ink, grounds in INKS.items():
        for ground in grounds:
            lighter, darker = sorted((_luminance(colours[ink]), _luminance(colours[ground])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (scheme, ink, ground)
