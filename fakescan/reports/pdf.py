"""The PDF report: the page as a browser of this machine prints it, tagged and with an outline.

The printing is done by Chromium, Chrome or Edge, whichever is installed, without a window. That keeps one template and
one layout for screen and paper, needs no package (WeasyPrint needs Pango and its libraries, which no wheel brings to
Windows and macOS, and lays out tables of thousands of rows slowly), and gives a tagged PDF. The browser gets a profile
of its own that is thrown away, and no network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TextIO

from fakescan.core.records import Scan
from fakescan.errors import ReportError
from fakescan.reports.decided import Decided
from fakescan.reports.escape import visible
from fakescan.reports.html import HtmlRenderer
from fakescan.reports.previews import Recoded
from fakescan.reports.thumbs import as_jpeg
from fakescan.store.atomic import reporting_faults

BROWSER_VARIABLE = "FAKESCAN_BROWSER"
"""Names the browser's program where it is in none of the usual places."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
_PLACES = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "win32": (
        r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
        r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
        r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
        r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
        r"%ProgramFiles%\Microsoft\Edge\Application\msedge.exe",
    ),
}
_BASE_S, _PER_IMAGE_S = 120.0, 0.5


@dataclass(frozen=True, slots=True)
class PdfRenderer:
    """Writes a scan as a PDF: the overview, every image that needs attention, and a list of all results."""

    thumbnails: Mapping[str, bytes] | None = None
    """Previews by path; a drawn placeholder stands where there is none."""
    templates: Path | None = None
    """A folder whose templates and assets go before the built-in ones."""
    decisions: Mapping[str, Decided] | None = None
    """What people decided, by path."""
    suffix: ClassVar[str] = ".pdf"
    """File suffix."""
    accepts: ClassVar[frozenset[str]] = frozenset({"thumbnails", "templates", "decisions"})
    """Settings that ``write.write_report`` may hand over."""

    @staticmethod
    def check() -> None:
        """Find out before a scan whether a PDF can be made after it.

        Raises:
            ReportError: when there is no browser.
        """
        find_browser()

    def render(self, scan: Scan, out: TextIO) -> None:
        """A PDF is no text.

        Raises:
            ReportError: always.
        """
        raise ReportError("a PDF report cannot be written into a text stream", "give a file name")

    def write(self, scan: Scan, target: Path) -> None:
        """Write the PDF to its place.

        Args:
            scan: a finished scan.
            target: where the PDF belongs.

        Raises:
            ReportError: when there is no browser, or it fails.
        """
        browser = find_browser()
        with reporting_faults(target), tempfile.TemporaryDirectory(prefix="fakescan-pdf-") as name:
            folder = Path(name)
            page, made = folder / "report.html", folder / "report.pdf"
            with page.open("w", encoding="utf-8", newline="\n") as out:
                previews = Recoded(self.thumbnails or {}, as_jpeg)
                page_of = HtmlRenderer(previews, self.templates, decisions=self.decisions, for_print=True)
                page_of.render(scan, out)
            _print(browser, page, made, _BASE_S + _PER_IMAGE_S * len(scan.results))
            # The temporary folder may lie on another disk, so the bytes are copied beside the target and then renamed.
            partial = target.with_name(f".fakescan-{os.getpid()}.part")
            try:
                shutil.copyfile(made, partial)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)


def find_browser() -> str:
    """The program that prints.

    Raises:
        ReportError: when there is none.
    """
    found = next(_browsers(), None)
    if found is None:
        raise ReportError(
            "a PDF report needs Chromium, Chrome or Edge, and none was found",
            f"install one, or name its program in {BROWSER_VARIABLE}; any browser prints the HTML report as well",
        )
    return found


def _browsers() -> Iterator[str]:
    """Browsers of this machine, the one that the user named first."""
    named = os.environ.get(BROWSER_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise ReportError(f"{BROWSER_VARIABLE} names no program: {visible(named)}", "give the path of a browser")
        yield found
    yield from filter(None, map(shutil.which, _NAMES))
    places = (Path(os.path.expandvars(place)) for place in _PLACES.get(sys.platform, ()))
    yield from (str(place) for place in places if place.is_file())


def _print(browser: str, page: Path, target: Path, timeout_s: float) -> None:
    """Have a browser print a page.

    Args:
        browser: its program.
        page: the page.
        target: where the PDF goes.
        timeout_s: after this the browser is given up.

    Raises:
        ReportError: when it fails.
    """
    command = [
        browser,
        "--headless=new",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-extensions",
        "--disable-sync",
        "--no-default-browser-check",
        "--no-first-run",
        "--no-pdf-header-footer",
        "--export-tagged-pdf",
        "--generate-pdf-document-outline",
        "--proxy-server=127.0.0.1:9",
        f"--user-data-dir={page.parent / 'profile'}",
        f"--print-to-pdf={target}",
        page.as_uri(),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Chromium refuses to run as root with its sandbox, as in containers; the page is our own and asks for nothing.
        command.insert(1, "--no-sandbox")
    try:
        done = subprocess.run(  # noqa: S603 (a browser of this machine, no shell)
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=timeout_s,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ReportError(
            f"{visible(browser)} did not print the report within {timeout_s:.0f} s",
            "try again, or print the HTML report",
        ) from None
    if done.returncode or not target.is_file() or not target.stat().st_size:
        said = visible(done.stderr.decode("utf-8", "replace").strip()[-300:])
        raise ReportError(f"{visible(browser)} could not print the report: {said}", "print the HTML report instead")
