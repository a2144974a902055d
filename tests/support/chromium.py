"""A real browser for tests of pages: an installed Chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """A running browser; where there is none, the test is skipped, or fails when ``REQUIRE_BROWSER_TESTS`` is set.

    Args:
        flags: more of its command line.
    """
    required = bool(os.environ.get("REQUIRE_BROWSER_TESTS"))
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if required:
            raise RuntimeError("REQUIRE_BROWSER_TESTS is set, but there is no Chromium on this machine")
        pytest.skip("no Chromium on this machine")
    try:
        from playwright import sync_api
    except ImportError:
        if required:
            raise
        pytest.skip("playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-gpu", *flags])
        yield browser
        browser.close()


def barriers(page: Any) -> list[str]:
    """What axe finds against WCAG in an open page, a line each.

    Args:
        page: of playwright.
    """
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found["violations"] for node in rule["nodes"]]
