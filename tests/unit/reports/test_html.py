from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.records import Case, ImageResult, Label, Scan
from fakescan.errors import ReportError
from fakescan.reports.beside import SINGLE_FILE_IMAGES
from fakescan.reports.html import HtmlRenderer
from fakescan.reports.templates import read_template, template_roots
from fakescan.reports.view_image import anchor

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
            kind = self.tags[-1][1].get("id") or self.open_tags[-1]
            self.raw.setdefault(kind, []).append(data)
        else:
            self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]

    @property
    def data(self) -> dict[str, Any]:
        """What the page's script works on when it opens."""
        found: dict[str, Any] = json.loads("".join(self.raw["rows"]))
        return found

    @property
    def panels(self) -> dict[str, Any]:
        """What it reads later."""
        found: dict[str, Any] = json.loads("".join(self.raw["panels"]))
        return found

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
    assert sum(bool(image["thumb"]) for image in page.data["images"]) == len(previews)
    text = source(press_scan, previews).replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert "http:" not in text
    assert "https:" not in text


def test_the_policy_allows_this_script_and_this_style_only(press_scan: Scan) -> None:
    page = parse(source(press_scan))
    policies = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in (policies[0] or "").split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert page.count("style") == 1
    assert [attrs.get("type") for tag, attrs in page.tags if tag == "script"] == [
        None,
        "application/json",
        "application/json",
    ]
    for tag in ("script", "style"):
        digest = base64.b64encode(sha256("".join(page.raw[tag]).encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_hostile_text_stays_text(hostile_scan: Scan, press_scan: Scan) -> None:
    page, harmless = parse(source(hostile_scan)), parse(source(press_scan))
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "style"]
    assert page.count("img") == 0
    assert page.count("script") == harmless.count("script") == 3
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
    assert [image["thumb"] for image in page.data["images"]] == [None]


def test_every_result_is_listed_without_script(press_scan: Scan) -> None:
    html = source(press_scan)
    fallback = parse(html[html.index("<noscript>") : html.index("</noscript>")].removeprefix("<noscript>"))
    assert fallback.count("tr") == 1 + len(press_scan.results)
    for result in press_scan.results:
        assert result.record.file.path in fallback.text
    assert fallback.text.count("Could not be examined") == 2


def test_the_data_hold_every_text_once_and_every_image_whole(press_scan: Scan) -> None:
    page = parse(source(press_scan))
    data = page.panels
    assert len(data["panels"]) == len(page.data["images"]) == len(press_scan.results)
    assert len(set(data["strings"])) == len(data["strings"])
    texts = "\n".join(data["strings"])
    assert "the price tags carry strokes that form no letters" in texts
    assert "market stall, oranges, Steps: 28" in texts
    assert page.data["images"][0]["path"] == "stall/market.jpg"
    places = [place for panel in data["panels"] for place in numbers(panel)]
    assert max(places) < len(data["strings"])


def numbers(value: object) -> Iterator[int]:
    """Every number in a panel, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, dict):
        yield from numbers(list(value.values()))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value


def test_identifiers_are_unique_and_links_lead_somewhere(press_scan: Scan) -> None:
    page = parse(source(press_scan))
    assert not [name for name, number in Counter(page.attributes("id")).items() if number > 1]
    known = set(page.attributes("id"))
    known |= {image["id"] for image in page.data["images"]}
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
    assert sections == ["first", "images", "errors", "folders", "sure", "limits", "custody"]


def test_custody_says_how_to_check_and_to_repeat(press_scan: Scan) -> None:
    html = source(press_scan)
    part = html[html.index('<section id="custody"') :]
    assert "fakescan verify report.json" in part
    assert "fakescan replay report.json" in part


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


def test_one_image_has_no_list_of_what_to_look_at_first(make_scan: MakeScan, make_result: MakeResult) -> None:
    page = parse(source(make_scan([make_result()])))
    assert "first" not in page.attributes("id")
    assert "The image" in page.text


def test_clean_scan_sends_the_reader_to_the_limits(make_scan: MakeScan, make_result: MakeResult) -> None:
    page = parse(source(make_scan([make_result(f"{index}.jpg", Label.REAL, 0.1) for index in range(3)])))
    assert "No contradiction was found, and no picture was called AI-generated or inconclusive." in page.text
    assert "Missing metadata proves nothing." in page.text


def test_without_calibration_the_number_is_called_a_score(make_scan: MakeScan, make_result: MakeResult) -> None:
    page = parse(source(make_scan([make_result()], calibration={})))
    assert "model score, not calibrated" in page.panels["strings"]
    assert "P(AI-generated)" not in page.panels["strings"]


def many(scan: Scan, number: int) -> Scan:
    """A scan of so many results, each under a name of its own."""
    results = []
    for index in range(number):
        result = scan.results[index % len(scan.results)]
        file = replace(result.record.file, path=f"{index:05}/{result.record.file.path}")
        results.append(replace(result, record=replace(result.record, file=file)))
    return replace(scan, results=tuple(results))


def test_the_page_hardly_grows_with_its_images(press_scan: Scan) -> None:
    def size(number: int) -> int:
        return len(source(many(press_scan, number)))

    # Sentences that many images share are there once: an image costs its own values only.
    assert (size(600) - size(200)) / 400 < 4_000


def test_with_many_images_the_page_has_a_folder(
    tmp_path: Path, press_scan: Scan, picture_bytes: Callable[..., bytes]
) -> None:
    scan = many(press_scan, SINGLE_FILE_IMAGES + 1)
    shown = scan.results[0].record.file.path
    HtmlRenderer({shown: picture_bytes(16, 16, "WEBP"), "x": b"<svg/>"}).write(scan, tmp_path / "my report.html")
    page = parse((tmp_path / "my report.html").read_text("utf-8"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my report.html", "my report_files"]
    files = sorted(path for path in (tmp_path / "my report_files").rglob("*") if path.is_file())
    assert [path.name for path in files] == ["data.js", f"{anchor(shown)}.webp"]
    data = files[0].read_text("utf-8")
    script = next(attrs for tag, attrs in page.tags if tag == "script" and "src" in attrs)
    assert script["src"] == "my%20report_files/data.js"
    assert data.startswith(f'fakescanDataOf="{script["nonce"]}";')
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv"))
    assert f"'nonce-{script['nonce']}'" in (policy or "")
    written = data[data.index("fakescanRows=") : data.index(";fakescanPanels=")].removeprefix("fakescanRows=")
    rows = json.loads(json.loads(written))["images"]
    assert [row["thumb"] for row in rows if row["thumb"]] == [f"my%20report_files/thumbs/{anchor(shown)}.webp"]
    assert "data:image" not in data


def test_a_single_file_when_it_is_wanted(tmp_path: Path, press_scan: Scan) -> None:
    scan = many(press_scan, SINGLE_FILE_IMAGES + 1)
    HtmlRenderer(single_file=True).write(scan, tmp_path / "r.html")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_the_folder_of_an_earlier_report_is_replaced_and_no_other_ever(tmp_path: Path, press_scan: Scan) -> None:
    scan = many(press_scan, SINGLE_FILE_IMAGES + 1)
    folder = tmp_path / "r_files"
    folder.mkdir()
    (folder / "precious.txt").write_text("mine", "utf-8")
    with pytest.raises(ReportError, match="is no folder of a report"):
        HtmlRenderer().write(scan, tmp_path / "r.html")
    assert [path.name for path in folder.iterdir()] == ["precious.txt"]
    assert not (tmp_path / "r.html").exists()
    (folder / "precious.txt").unlink()
    folder.rmdir()
    HtmlRenderer().write(scan, tmp_path / "r.html")
    (folder / "thumbs").mkdir()
    (folder / "thumbs" / "old.webp").write_bytes(b"old")
    HtmlRenderer().write(scan, tmp_path / "r.html")
    assert [path.name for path in folder.rglob("*")] == ["data.js"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r_files"]


def test_a_faulty_template_leaves_no_folder(tmp_path: Path, press_scan: Scan) -> None:
    (tmp_path / "t" / "html").mkdir(parents=True)
    (tmp_path / "t" / "html" / "_custody.html.j2").write_text("{{ nothing }}", "utf-8")
    with pytest.raises(ReportError, match="faulty template"):
        HtmlRenderer(templates=tmp_path / "t").write(many(press_scan, SINGLE_FILE_IMAGES + 1), tmp_path / "r.html")
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_filters_name_what_there_is(press_scan: Scan) -> None:
    groups = {group["key"]: dict(enumerate(group["values"])) for group in parse(source(press_scan)).data["groups"]}
    assert list(groups["verdict"].values()) == ["fake", "inconclusive", "real", "error"]
    assert list(groups["mark"].values()) == ["conflict", "speaks", "cut"]
    assert set(groups["evidence"].values()) == {"exif: Model", "exif: Make", "png: parameters"}
    assert "Not examined: not-an-image" in groups["why"].values()
    assert "stall" in groups["folder"].values()


def test_the_list_of_digests_is_the_one_whose_digest_is_shown(hostile_scan: Scan) -> None:
    page = parse(source(hostile_scan))
    text = page.panels["manifest"]
    assert sha256(text.encode()).hexdigest() in page.text
    lines = text.splitlines()
    assert len(lines) == len(hostile_scan.results)
    assert all(re.fullmatch(r"\\?[0-9a-f]{64}  \S.*", line) for line in lines)
    assert [line for line in lines if "new\\nline.jpg" in line and line.startswith("\\")]


def test_the_case_and_what_was_taken_out_are_told(press_scan: Scan) -> None:
    case = Case("2026-17", "A. Example", "For the <court>")
    page = parse(source(replace(press_scan, case=case, redacted=("gps", "paths"))))
    assert "2026-17" in page.text
    assert "For the <court>" in page.text
    assert "Taken out before this report was shared: places, file names and folders." in page.text
    assert "press photos" not in page.text.partition("Custody")[0].partition("Look here first")[0]


def test_the_reliability_of_the_model_is_drawn(press_scan: Scan) -> None:
    html = source(press_scan)
    start = html.index('<figure class="reliability">')
    figure = html[start : html.index("</figure>", start)]
    # 176 of 188 images scored above 0.9 were AI-generated; the column stands in the last tenth and is as tall.
    assert '<rect class="share" x="90.6%" y="6.38%" width="8.8%" height="93.62%"/>' in figure
    assert figure.count('class="expected"') == 2


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
        ("assets/page/page.js", "x = '</script>'", "would end its element"),
    ],
)
def test_a_faulty_template_is_an_error_with_a_hint(
    tmp_path: Path, press_scan: Scan, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
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
    style = "".join(read_template(template_roots(), f"assets/page/{name}.css") for name in ("base", "print"))
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 3
    colours = dict(COLOURS.findall(blocks[0])) | dict(COLOURS.findall(blocks[("light", "dark", "print").index(scheme)]))
    for ink, grounds in INKS.items():
        for ground in grounds:
            lighter, darker = sorted((_luminance(colours[ink]), _luminance(colours[ground])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (scheme, ink, ground)
