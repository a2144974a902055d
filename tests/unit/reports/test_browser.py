"""The page in a real browser, where one is installed: nothing hostile runs, and the controls do what they say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.checked import Claim, ClaimMark, Region, Rescored
from fakescan.core.records import Evidence, ImageResult, Label, Scan, Stage, Supports
from fakescan.reports.decided import Decided
from fakescan.reports.escape import visible
from fakescan.reports.html import HtmlRenderer
from fakescan.reports.order import has_conflict, needs_attention
from fakescan.reports.thumbs import thumbnail
from fakescan.reports.view_image import anchor
from fakescan.reports.words import label_key
from fakescan.reports.write import write_report
from tests.support.chromium import barriers, chromium

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


@dataclass
class Opened:
    """A page with everything that it complained about."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def dismiss(self, dialog: Any) -> None:
        """A dialog that nobody should have opened."""
        self.complaints.append("dialog")
        dialog.dismiss()

    def shown(self) -> list[str]:
        """Paths of the images that are drawn in the list, in its order; of an open image only that one."""
        names: list[str] = self.page.eval_on_selector_all(
            ".item .open, .opened .title", "items => items.filter(i => i.checkVisibility()).map(i => i.textContent)"
        )
        return names

    def chip(self, value: str) -> str:
        """Selector of a chip."""
        return f'.chip[data-value="{value}"]'

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def current(self) -> str:
        name: str = self.page.evaluate(
            "document.activeElement.closest('.item')?.querySelector('.open').textContent || ''"
        )
        return name


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def show(scan: Scan, thumbnails: dict[str, bytes] | None = None, fragment: str = "", **context: Any) -> Opened:
        target = tmp_path / "report.html"
        HtmlRenderer(thumbnails).write(scan, target)
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        opened = Opened(page)
        page.on("console", lambda message: opened.complaints.append(message.text))
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("dialog", opened.dismiss)
        page.on("request", lambda request: opened.requests.append(request.url))
        page.on("requestfailed", lambda request: opened.failures.append((request.url, request.failure)))
        page.add_init_script(WATCH)
        page.goto(target.as_uri() + fragment)
        return opened

    yield show
    for context in contexts:
        context.close()


def go(opened: Opened, path: str) -> None:
    """Open an image by its address."""
    opened.page.evaluate("name => { location.hash = name; }", anchor(path))
    opened.page.wait_for_selector("#open-title")


def many(scan: Scan, number: int) -> Scan:
    """A scan of so many results, each under a name of its own."""
    results = []
    for index in range(number):
        result = scan.results[index % len(scan.results)]
        file = replace(result.record.file, path=f"{index:05}.jpg", sha256=f"{index:064x}")
        results.append(replace(result, record=replace(result.record, file=file)))
    return replace(scan, results=tuple(results))


def wait_until(page: Any, expression: str) -> None:
    """Wait until it holds. Playwright's own waiting evaluates texts in the page, which its policy forbids."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never held: {expression}")


def test_nothing_hostile_runs(open_page: Open, hostile_scan: Scan, picture_bytes: Callable[..., bytes]) -> None:
    pictures = {result.record.file.path: picture_bytes(8, 8, "WEBP") for result in hostile_scan.results}
    opened = open_page(hostile_scan, pictures)
    assert len(opened.shown()) == 13
    for result in hostile_scan.results:
        go(opened, result.record.file.path)
        assert opened.shown() == [visible(result.record.file.path)]
    opened.press("Escape")
    opened.page.fill("#q", "<script>")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.locator("#paper article").count() == 13
    assert opened.complaints == []
    assert opened.page.evaluate("window.violations") == []
    assert [url for url in opened.requests if not url.startswith("data:image/webp")] == opened.requests[:1]
    assert opened.page.evaluate("document.scripts.length") == 1  # the data were taken out once they were read
    assert opened.page.evaluate("[...document.images].every(i => i.src.startsWith('data:image/webp;base64,'))")
    addresses = opened.page.eval_on_selector_all("[href]", "all => all.map(one => one.getAttribute('href'))")
    assert all(address.startswith("#") for address in addresses)
    handlers = "all => all.flatMap(one => one.getAttributeNames()).filter(name => name.startsWith('on'))"
    assert opened.page.eval_on_selector_all("*", handlers) == []
    assert opened.page.title().startswith("fakescan: 13 images")
    assert "\u202e" not in opened.page.content()


def test_the_policy_stops_a_foreign_script(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.evaluate(
        "() => { const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s); }"
    )
    opened.page.evaluate("() => { new Image().src = 'http://127.0.0.1:9/x.png'; }")
    wait_until(opened.page, "window.violations.length >= 2")
    assert opened.page.evaluate("window.ran") is None
    assert opened.failures == [("http://127.0.0.1:9/x.png", "csp")]


def test_chips_filter_and_the_address_keeps_them(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    assert len(opened.shown()) == 22
    opened.page.click(opened.chip("fake"))
    assert opened.shown() == ["stall/market.jpg", "stall/crowd at dawn.jpg", "portraits/portrait_07.png"]
    opened.page.click(opened.chip("inconclusive"))
    assert len(opened.shown()) == 6
    opened.page.click(opened.chip("photograph"))
    assert opened.shown() == ["stall/market.jpg", "stall/crowd at dawn.jpg", "bridge.jpg"]
    assert opened.page.inner_text("#shown") == "3 of 22 shown"
    assert opened.page.get_attribute(opened.chip("photograph"), "aria-pressed") == "true"
    opened.page.reload()
    assert len(opened.shown()) == 3
    opened.page.click("#clear")
    assert len(opened.shown()) == 22
    opened.page.click(opened.chip("conflict"))
    assert opened.shown() == ["stall/market.jpg"]


def test_chips_count_what_they_would_leave(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)

    def counts() -> dict[str, str]:
        chips = "all => Object.fromEntries(all.map(one => [one.dataset.value, one.lastChild.textContent]))"
        found: dict[str, str] = opened.page.eval_on_selector_all(".chip[data-value]", chips)
        return found

    before = counts()
    assert (before["fake"], before["real"], before["photograph"], before["conflict"]) == ("3", "14", "16", "1")
    opened.page.click(opened.chip("fake"))
    after = counts()
    # Within a group the others say what they would add; in other groups, what would be left.
    assert (after["fake"], after["real"], after["photograph"], after["conflict"]) == ("3", "14", "2", "1")
    assert after["exif: Model"] == "0"


def test_the_folder_menu_and_the_table_of_folders_filter(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.select_option("#folder", "stall")
    assert opened.shown() == ["stall/market.jpg", "stall/crowd at dawn.jpg"]
    opened.page.click("#folders a:has-text('incoming')")
    wait_until(opened.page, "document.getElementById('folder').value === 'incoming'")
    assert opened.shown() == ["incoming/half.jpg", "incoming/notes.jpg"]


def test_search_looks_into_names_and_texts(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.fill("#q", "STREET 07")
    assert opened.shown() == ["city/street 07.jpg"]
    digest = press_scan.results[0].record.file.sha256
    opened.page.fill("#q", digest[:8])
    assert opened.shown() == [press_scan.results[0].record.file.path]
    opened.page.fill("#q", "sampler euler")
    assert opened.shown() == ["stall/market.jpg"]
    opened.page.fill("#q", "nothing has this")
    assert opened.shown() == []
    assert opened.page.is_visible("#nothing")


def test_orders(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.select_option("#sort", "high")
    assert opened.shown()[:2] == ["stall/crowd at dawn.jpg", "stall/market.jpg"]
    assert set(opened.shown()[-3:]) == {"incoming/half.jpg", "incoming/notes.jpg", "unknown.webp"}
    opened.page.select_option("#sort", "low")
    assert opened.shown()[0] == "city/street 00.jpg"
    opened.page.select_option("#sort", "name")
    assert opened.shown()[0] == "bridge.jpg"
    opened.page.click("[data-layout=list]")
    assert opened.page.evaluate("location.hash") == "#sort=name&layout=list"
    assert opened.page.locator(".item .lead").first.is_visible()


def test_counts_of_the_header_lead_to_the_filter(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.click(".counts .v-error a")
    wait_until(opened.page, "document.getElementById('shown').textContent === '2 of 22 shown'")
    assert opened.shown() == ["incoming/half.jpg", "incoming/notes.jpg"]


def test_a_deep_link_opens_its_image_alone(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, fragment=f"#{anchor('bridge.jpg')}")
    assert opened.shown() == ["bridge.jpg"]
    assert opened.page.is_visible("#limits")
    assert not opened.page.is_visible(".masthead")
    opened.page.click("#back")
    assert len(opened.shown()) == 22
    opened.page.go_back()
    opened.page.wait_for_selector("#open-title")
    assert opened.shown() == ["bridge.jpg"]


def test_an_open_image_tells_everything(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, fragment=f"#{anchor('stall/market.jpg')}")
    text = opened.page.inner_text(".opened")
    for part in (
        "Likely AI-generated", "0.93", "P(AI-generated)", "From 0.35 to 0.65: inconclusive", "Contradiction.",
        "Contradicts the verdict", "market stall, oranges, Steps: 28", "What the model says it saw",
        "the price tags carry strokes that form no letters", "Of 188 test images", "SHA-256",
        "Run a reverse image search", "Looked for and not found: c2pa: manifest",
    ):  # fmt: skip
        assert part in text, part
    order = [text.index(title) for title in ("Why", "What the file says", "What the model says it saw", "The file\n")]
    assert order == sorted(order)


def test_keys(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.press("j", "j")
    assert opened.current() == "stall/crowd at dawn.jpg"
    opened.press("k", "Enter")
    opened.page.wait_for_selector("#open-title")
    assert opened.shown() == ["stall/market.jpg"]
    opened.press("j")
    wait_until(opened.page, "document.getElementById('where').textContent === '2 of 22'")
    opened.press("Escape")
    assert len(opened.shown()) == 22
    assert opened.current() == "stall/crowd at dawn.jpg"
    opened.press("?")
    assert opened.page.is_visible("#help")
    opened.press("Escape", "/")
    opened.page.keyboard.type("jk?")
    assert opened.page.input_value("#q") == "jk?"
    assert not opened.page.is_visible("#help")


def test_marks_and_notes_stay_and_can_be_saved(open_page: Open, press_scan: Scan, tmp_path: Path) -> None:
    opened = open_page(press_scan)
    opened.press("j", " ", "j", "n")
    opened.page.wait_for_selector("#note:focus")
    opened.page.keyboard.type("ask <b>Anna</b>")
    opened.press("Escape", "Escape")
    opened.page.reload()
    assert opened.page.locator(".badge.seen").count() == 1
    assert opened.page.locator(".badge.noted").count() == 1
    opened.page.click("[data-mine=unseen]")
    assert len(opened.shown()) == 21
    opened.page.click("[data-mine=unseen]")
    opened.page.click("[data-mine=noted]")
    assert opened.shown() == ["stall/crowd at dawn.jpg"]
    with opened.page.expect_download() as download:
        opened.page.click("#save-notes")
    download.value.save_as(tmp_path / "notes.json")
    saved = json.loads((tmp_path / "notes.json").read_text("utf-8"))
    assert saved["scan"] == press_scan.scan_id
    assert [(item["path"], item["looked_at"], item["note"]) for item in saved["notes"]] == [
        ("stall/market.jpg", True, ""),
        ("stall/crowd at dawn.jpg", False, "ask <b>Anna</b>"),
    ]
    assert opened.complaints == []


def test_the_list_of_digests_can_be_saved(open_page: Open, press_scan: Scan, tmp_path: Path) -> None:
    opened = open_page(press_scan)
    with opened.page.expect_download() as download:
        opened.page.click("#save-digests")
    download.value.save_as(tmp_path / "sums")
    lines = (tmp_path / "sums").read_text("utf-8").splitlines()
    assert lines == [f"{result.record.file.sha256}  {result.record.file.path}" for result in press_scan.results]


def test_previous_and_next_stay_inside_the_filter(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, fragment="#verdict=error")
    opened.page.click(".item .open >> nth=0")
    opened.page.wait_for_selector("#open-title")
    assert opened.page.inner_text("#where") == "1 of 2"
    assert opened.page.is_disabled("#previous")
    opened.page.click("#next")
    wait_until(opened.page, "document.getElementById('where').textContent === '2 of 2'")
    assert opened.shown() == ["incoming/notes.jpg"]
    assert opened.page.is_disabled("#next")


def test_without_script_every_result_is_listed(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, java_script_enabled=False)
    rows = opened.page.locator(".results tbody tr")
    assert rows.count() == 22
    assert all(rows.nth(index).is_visible() for index in range(22))
    assert not opened.page.locator("#bar").is_visible()


def test_one_image_is_open_from_the_start(
    open_page: Open, make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    opened = open_page(make_scan([make_result("only.jpg", Label.FAKE, 0.9)]))
    assert opened.page.is_visible(".panel")
    assert not opened.page.locator("#bar").is_visible()
    opened.press("j", "Escape", "n")
    opened.page.keyboard.type("mine")
    assert opened.page.input_value("#note") == "mine"
    assert opened.page.is_visible(".masthead")
    assert opened.complaints == []


def test_the_note_on_a_single_image_can_be_saved(
    open_page: Open, make_result: Callable[..., ImageResult], make_scan: Callable[..., Scan], tmp_path: Path
) -> None:
    opened = open_page(make_scan([make_result("only.jpg", Label.FAKE, 0.9)]))
    opened.press("n")
    opened.page.keyboard.type("seen before")
    with opened.page.expect_download() as download:
        opened.page.click("#save-note")
    download.value.save_as(tmp_path / "notes.json")
    [saved] = json.loads((tmp_path / "notes.json").read_text("utf-8"))["notes"]
    assert (saved["path"], saved["note"]) == ("only.jpg", "seen before")
    assert opened.complaints == []


def test_dark_and_narrow(open_page: Open, press_scan: Scan) -> None:
    narrow = {"width": 360, "height": 800}
    opened = open_page(press_scan, color_scheme="dark", viewport=narrow)
    background = opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == "rgb(23, 22, 19)"
    for fragment in ("images", anchor("stall/market.jpg")):
        opened.page.evaluate("name => { location.hash = name; }", fragment)
        opened.page.wait_for_timeout(50)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_the_way(
    open_page: Open, press_scan: Scan, picture_bytes: Callable[..., bytes], scheme: str
) -> None:
    pictures = {result.record.file.path: picture_bytes(64, 48, "WEBP") for result in press_scan.results[:5]}
    opened = open_page(press_scan, pictures, color_scheme=scheme)
    assert barriers(opened.page) == []
    opened.page.click("[data-layout=list]")
    opened.page.click(opened.chip("fake"))
    opened.press("j", " ")
    assert barriers(opened.page) == []
    for path in ("stall/market.jpg", "incoming/half.jpg", "screens/chat.png"):
        go(opened, path)
        assert barriers(opened.page) == []
    opened.press("?")
    assert barriers(opened.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_the_way_in_the_odd_states(
    open_page: Open, make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult], scheme: str
) -> None:
    nothing = make_scan([], model=None, calibration={})
    broken = make_scan([make_result(f"{index}.jpg", None) for index in range(3)], model=None, calibration={})
    for scan in (nothing, broken, make_scan([make_result("only.jpg")])):
        opened = open_page(scan, color_scheme=scheme, viewport={"width": 390, "height": 800})
        assert barriers(opened.page) == []
        assert opened.complaints == []


def test_print_shows_what_needs_attention_and_an_open_image_alone(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.emulate_media(media="print")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    printed = opened.page.locator("#paper .title")
    assert printed.all_inner_texts()[0] == "stall/market.jpg"
    assert printed.count() == 8
    assert all(printed.nth(index).is_visible() for index in range(8))
    assert "8 of 22" in opened.page.inner_text("#paper .about")
    assert not opened.page.is_visible("#items")
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert printed.count() == 0
    go(opened, "bridge.jpg")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert printed.count() == 0
    assert opened.shown() == ["bridge.jpg"]
    assert opened.page.is_visible(".masthead .rows")


def test_a_preview_has_one_button_for_its_full_size(
    open_page: Open, press_scan: Scan, picture_bytes: Callable[..., bytes]
) -> None:
    large, small = (thumbnail(picture_bytes(width, width), 960) for width in (900, 200))
    paths = [result.record.file.path for result in press_scan.results[:3]]
    opened = open_page(press_scan, dict(zip(paths, (large, large, small), strict=True)))
    for path, buttons in zip(paths, (1, 1, 0), strict=True):
        go(opened, path)
        wait_until(opened.page, "document.querySelector('.look figcaption').textContent !== ''")
        opened.page.wait_for_timeout(200)
        assert opened.page.locator(".zoom").count() == buttons
    assert opened.complaints == []


def test_on_paper_many_inconclusive_images_are_a_sheet_of_previews(open_page: Open, press_scan: Scan) -> None:
    scan = many(press_scan, 220)
    urgent = [result for result in scan.results if needs_attention(result) or label_key(result) == "error"]
    sheeted = [result for result in urgent if label_key(result) == "inconclusive" and not has_conflict(result)]
    assert len(urgent) > 60
    assert sheeted
    opened = open_page(scan)
    opened.page.emulate_media(media="print")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.locator(".sheet li").count() == len(sheeted)
    assert opened.page.locator("#paper .title").count() == len(urgent) - len(sheeted)
    assert f"{len(sheeted)} inconclusive ones stand as previews" in opened.page.inner_text("#paper .about")
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert opened.page.locator(".sheet").count() == 0


def test_of_many_images_only_those_in_sight_are_drawn(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(many(press_scan, 2_300), {"00001.jpg": b"no picture"})
    assert opened.complaints == []
    assert opened.page.inner_text("#shown") == "2,300 shown"
    assert opened.page.locator(".item").count() < 120
    first = opened.shown()
    box = "document.getElementById('items').getBoundingClientRect()"
    bottom = f"window.scrollBy(0, {box}.bottom - innerHeight)"
    opened.page.evaluate(bottom)
    opened.page.wait_for_selector('.item[aria-posinset="2300"]')
    assert opened.page.locator(".item").count() < 120
    assert not set(first) & set(opened.shown())
    opened.page.fill("#q", "02299")
    assert opened.shown() == ["02299.jpg"]
    assert opened.page.evaluate(f"{box}.top >= 0")


def test_the_keyboard_walks_through_many_images(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(many(press_scan, 2_300), fragment="#sort=name&layout=list")
    opened.press(*(["j"] * 60))
    assert opened.current() == "00059.jpg"
    place = opened.page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert 0 <= place < 720
    positions = opened.page.eval_on_selector_all(".item", "all => all.map(one => Number(one.ariaPosInSet))")
    assert positions == sorted(positions)


def test_data_in_a_folder_are_used_and_missing_ones_are_told(open_page: Open, press_scan: Scan, tmp_path: Path) -> None:
    opened = open_page(many(press_scan, 2_001))
    assert opened.page.evaluate("window.violations") == []
    assert all(url.startswith("file:") for url in opened.requests)
    assert not opened.page.is_visible("#no-data")
    data = tmp_path / "report_files" / "data.js"
    data.write_text(data.read_text("utf-8").replace('fakescanDataOf="', 'fakescanDataOf="0', 1), "utf-8")
    opened.page.reload()
    assert opened.page.is_visible("#no-data")
    data.unlink()
    opened.page.reload()
    assert opened.page.is_visible("#no-data")
    assert not opened.page.is_visible("#bar")


def test_a_pdf_is_tagged_and_holds_what_needs_attention(press_scan: Scan, hostile_scan: Scan, tmp_path: Path) -> None:
    sizes = []
    for scan in (press_scan, hostile_scan):
        write_report(scan, tmp_path / "r.pdf")
        made = (tmp_path / "r.pdf").read_bytes()
        assert made.startswith(b"%PDF-")
        assert b"/StructTreeRoot" in made
        assert b"/Marked true" in made
        assert b"/Outlines" in made
        sizes.append(made.count(b"/Type /Page\n"))
    assert sizes[0] >= 10
    assert [path.name for path in tmp_path.iterdir()] == ["r.pdf"]


@pytest.fixture
def checked_scan(press_scan: Scan) -> Scan:
    """A scan in which one image was encoded anew and audited."""
    attack = "<img src=x onerror=alert(1)>\u202e"
    claims = (
        Claim(Stage.REASONING, "the edges of the lemons melt", ClaimMark.SUPPORTED, "Hidden and scored again.", -0.31,
              (Region(0.25, 0.5, 0.5, 0.25), Region(0.0, 0.0, 0.1, 0.1)), "Irregular Image Edges", Label.FAKE, 0.125),
        Claim(Stage.REASONING, attack, ClaimMark.CONTRADICTED, attack, attribute=attack, speaks_for=Label.REAL),
        Claim(Stage.REASONING, "a third", ClaimMark.NOT_CHECKABLE, regions=(Region(0.9, 0.9, 0.1, 0.1),)),
    )  # fmt: skip
    rescored = (
        Rescored("JPEG, quality 70", 0.91, Label.FAKE),
        Rescored(f"half the size {attack}", 0.5, Label.INCONCLUSIVE),
    )
    results = [
        replace(item, stability=rescored, claims=claims) if item.record.file.path == "stall/market.jpg" else item
        for item in press_scan.results
    ]
    return replace(press_scan, results=tuple(results))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_was_checked_is_drawn(
    open_page: Open, checked_scan: Scan, picture_bytes: Callable[..., bytes], scheme: str
) -> None:
    path = "stall/market.jpg"
    opened = open_page(checked_scan, {path: picture_bytes(320, 240, "WEBP")}, f"#{anchor(path)}", color_scheme=scheme)
    boxes = opened.page.locator(".box")
    assert boxes.all_inner_texts() == ["1", "1", "3"]
    picture, box = opened.page.locator(".over img").bounding_box(), boxes.first.bounding_box()
    assert box["x"] - picture["x"] == pytest.approx(picture["width"] / 4, abs=1)
    assert box["y"] - picture["y"] == pytest.approx(picture["height"] / 2, abs=1)
    assert box["width"] == pytest.approx(picture["width"] / 2, abs=1)
    text = opened.page.inner_text(".opened")
    assert "the number moves by -0.31" in text
    assert "the number after the text moves by +0.12" in text
    assert "Irregular Image Edges" in text
    assert "1 of 2 other encodings of this picture get another verdict" in text
    assert "no proof" in text
    assert barriers(opened.page) == []
    opened.page.click("text=show where the score reacts")
    assert not boxes.first.is_visible()
    switch = opened.page.get_by_label("show where the score reacts")
    reached = "document.activeElement === document.querySelector('.look input')"
    opened.page.evaluate("document.activeElement.blur()")
    for _ in range(40):
        opened.press("Tab")
        if opened.page.evaluate(reached):
            break
    assert opened.page.evaluate(reached)
    opened.press("Space")
    assert switch.is_checked()
    assert boxes.first.is_visible()
    opened.press("Space")
    assert not boxes.first.is_visible()
    assert not opened.page.locator("#seen").is_checked()  # the key means the switch here, not "looked at"
    assert opened.complaints == []
    opened.press("Escape")
    opened.page.click(opened.chip("flips"))
    assert opened.shown() == [path]


def test_what_was_not_checked_is_not_mentioned(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, fragment=f"#{anchor('stall/market.jpg')}")
    text = opened.page.inner_text(".opened")
    assert "encoded anew" not in text
    assert "were checked" not in text
    assert opened.page.locator(".box").count() == 0


def test_of_many_chips_the_rare_ones_wait_behind_a_button(
    open_page: Open, make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    signals = [Evidence("png", f"field {number}", "x", Supports.FAKE) for number in range(10)]
    scan = make_scan([make_result(f"{number}.jpg", evidence=signals[: number + 1]) for number in range(10)])
    opened = open_page(scan)
    chips = opened.page.locator("[data-group=evidence]:visible")
    assert chips.count() == 6
    opened.page.click(".more-chips")
    assert chips.count() == 10
    opened.page.click(opened.chip("png: field 9"))
    assert opened.shown() == ["9.jpg"]
    opened.page.click(".more-chips")
    assert chips.count() == 7
    opened.page.reload()
    assert chips.count() == 7
    assert opened.shown() == ["9.jpg"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_examiner_s_decision_is_shown_beside_the_verdict(
    browser: Any, press_scan: Scan, tmp_path: Path, scheme: str
) -> None:
    path, attack = "stall/market.jpg", "<img src=x onerror=alert(1)>"
    decisions = {path: Decided("real", f"Anna {attack}", "2026-03-01T12:00:00Z", attack)}
    target = tmp_path / "report.html"
    HtmlRenderer(decisions=decisions).write(press_scan, target)
    page = browser.new_page(color_scheme=scheme)
    opened = Opened(page)
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("dialog", opened.dismiss)
    page.goto(f"{target.as_uri()}#{anchor(path)}")
    text = page.inner_text(".opened")
    assert "Not AI-generated (the machine took the other side)" in text
    assert f"Anna {attack}, 2026-03-01T12:00:00Z" in text
    assert barriers(opened.page) == []
    opened.press("Escape")
    page.click(opened.chip("overruled"))
    assert opened.shown() == [path]
    assert opened.complaints == []
    page.close()
