"""The page in a real browser, where one is installed: nothing hostile runs, and the controls do what they say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.records import ImageResult, Label, Scan
from fakescan.reports.html import HtmlRenderer
from fakescan.reports.view_image import anchor

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
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
        """Paths of the images that are shown, in order."""
        names: list[str] = self.page.eval_on_selector_all(
            ".item", "items => items.filter(i => i.checkVisibility()).map(i => i.dataset.name)"
        )
        return names

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def current(self) -> str:
        name: str = self.page.evaluate("document.activeElement.closest('.item')?.dataset.name || ''")
        return name


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def show(scan: Scan, thumbnails: dict[str, bytes] | None = None, fragment: str = "", **context: Any) -> Opened:
        target = tmp_path / "report.html"
        out = StringIO()
        HtmlRenderer(thumbnails).render(scan, out)
        target.write_text(out.getvalue(), "utf-8")
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


def test_nothing_hostile_runs(open_page: Open, hostile_scan: Scan, picture_bytes: Callable[..., bytes]) -> None:
    pictures = {result.record.file.path: picture_bytes(8, 8, "WEBP") for result in hostile_scan.results}
    opened = open_page(hostile_scan, pictures)
    for result in hostile_scan.results:
        opened.page.evaluate("name => { location.hash = name; }", anchor(result.record.file.path))
        opened.page.wait_for_selector(f"#{anchor(result.record.file.path)}.current .panel")
    assert opened.complaints == []
    assert opened.page.evaluate("window.violations") == []
    assert [url for url in opened.requests if not url.startswith("data:image/webp")] == opened.requests[:1]
    assert opened.page.evaluate("document.scripts.length") == 1
    assert opened.page.evaluate("[...document.images].every(i => i.src.startsWith('data:image/webp;base64,'))")
    assert opened.page.title().startswith("fakescan: 13 images")


def test_the_policy_stops_a_foreign_script(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.evaluate(
        "() => { const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s); }"
    )
    opened.page.evaluate("() => { new Image().src = 'http://127.0.0.1:9/x.png'; }")
    opened.page.wait_for_function("window.violations.length >= 2")
    assert opened.page.evaluate("window.ran") is None
    assert opened.failures == [("http://127.0.0.1:9/x.png", "csp")]


def test_chips_filter_and_the_address_keeps_them(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    assert len(opened.shown()) == 22
    opened.page.click(".chip[data-value=fake]")
    assert opened.shown() == ["stall/market.jpg", "stall/crowd at dawn.jpg", "portraits/portrait_07.png"]
    opened.page.click(".chip[data-value=inconclusive]")
    assert len(opened.shown()) == 6
    opened.page.click(".chip[data-value=photo]")
    assert opened.shown() == ["stall/market.jpg", "stall/crowd at dawn.jpg", "bridge.jpg"]
    assert opened.page.inner_text("#shown") == "3 of 22 shown"
    assert opened.page.get_attribute(".chip[data-value=photo]", "aria-pressed") == "true"
    opened.page.reload()
    assert len(opened.shown()) == 3
    opened.page.click("#clear")
    assert len(opened.shown()) == 22
    opened.page.click(".chip[data-value=conflict]")
    assert opened.shown() == ["stall/market.jpg"]


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


def test_counts_of_the_header_lead_to_the_filter(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.click(".counts .v-error a")
    assert opened.shown() == ["incoming/half.jpg", "incoming/notes.jpg"]


def test_a_deep_link_opens_its_image_alone(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, fragment=f"#{anchor('bridge.jpg')}")
    assert opened.shown() == ["bridge.jpg"]
    assert opened.page.is_visible(".current .panel")
    assert opened.page.is_visible("#limits")
    assert not opened.page.is_visible(".masthead")
    opened.page.click("#back")
    assert len(opened.shown()) == 22
    opened.page.go_back()
    assert opened.shown() == ["bridge.jpg"]


def test_keys(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.press("j", "j")
    assert opened.current() == "stall/crowd at dawn.jpg"
    opened.press("k", "Enter")
    opened.page.wait_for_selector(".current")
    assert opened.shown() == ["stall/market.jpg"]
    opened.press("j")
    opened.page.wait_for_function("document.getElementById('where').textContent === '2 of 22'")
    opened.press("Escape")
    assert len(opened.shown()) == 22
    assert opened.current() == "stall/crowd at dawn.jpg"
    opened.press("?")
    assert opened.page.is_visible("#help")
    opened.press("Escape", "/")
    opened.page.keyboard.type("jk?")
    assert opened.page.input_value("#q") == "jk?"
    assert not opened.page.is_visible("#help")


def test_previous_and_next_stay_inside_the_filter(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, fragment="#verdict=error")
    opened.page.click(".item:not([hidden]) .open")
    opened.page.wait_for_selector(".current")
    assert opened.page.inner_text("#where") == "1 of 2"
    assert opened.page.is_disabled("#previous")
    opened.page.click("#next")
    opened.page.wait_for_function("document.getElementById('where').textContent === '2 of 2'")
    assert opened.shown() == ["incoming/notes.jpg"]
    assert opened.page.is_disabled("#next")


def test_without_script_everything_is_shown(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan, java_script_enabled=False)
    panels = opened.page.locator(".panel")
    assert panels.count() == 22
    assert all(panels.nth(index).is_visible() for index in range(22))
    assert not opened.page.locator(".tools").is_visible()


def test_one_image_is_open_from_the_start(
    open_page: Open, make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    opened = open_page(make_scan([make_result("only.jpg", Label.FAKE, 0.9)]))
    assert opened.page.is_visible(".panel")
    assert not opened.page.locator(".tools").is_visible()
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


def test_print_shows_every_panel_and_an_open_image_alone(open_page: Open, press_scan: Scan) -> None:
    opened = open_page(press_scan)
    opened.page.emulate_media(media="print")
    assert opened.page.locator(".panel").nth(20).is_visible()
    assert not opened.page.is_visible(".tools")
    opened.page.evaluate("name => { location.hash = name; }", anchor("bridge.jpg"))
    opened.page.wait_for_selector(".current")
    assert opened.shown() == ["bridge.jpg"]
    assert opened.page.is_visible(".masthead .rows")
