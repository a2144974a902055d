from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.reports.places import base_of, holds, prefix_of, root_uri, shown_place, started_in, uri_place
from tests.unit.reports.conftest import build_scan


@pytest.mark.parametrize(
    ("root", "paths", "prefix"),
    [
        ("/srv/assets", ["assets"], "assets/"),
        ("/srv/assets", ["./assets/"], "assets/"),
        ("/srv", ["assets", "img/a.png"], ""),
        ("/srv/site/img", ["site/img/a", "site/img/b.png"], "site/img/"),
        ("/srv/site", ["site/a.png"], "site/"),
        ("/srv", ["a.png"], ""),
        ("/srv", ["."], ""),
        ("/srv/assets", ["/srv/assets"], ""),
        ("/other", ["../other"], ""),
        ("/elsewhere", ["assets"], ""),
        ("s3://bucket/in", ["s3://bucket/in"], ""),
        ("C:\\work\\assets", ["assets"], "assets/"),
        ("/srv/assets", None, ""),
        ("/srv/assets", "assets", ""),
    ],
)
def test_paths_start_where_the_check_was_started(root: str, paths: Any, prefix: str) -> None:
    assert prefix_of(build_scan([], root=root, options={"paths": paths})) == prefix


@pytest.mark.parametrize(
    ("base", "prefix"), [("/srv", "site/img/"), ("/srv/site/", "img/"), ("/srv/site/img", ""), ("/sr", "")]
)
def test_or_at_a_folder_that_is_named(base: str, prefix: str) -> None:
    assert prefix_of(build_scan([], root="/srv/site/img", options={}), base) == prefix


@pytest.mark.parametrize(
    ("root", "base", "held"),
    [
        ("/srv/site", "/srv", True),
        ("/srv/site", "/srv/site/", True),
        ("/srv/site", "/", True),
        ("/srv/site", "/srv/sit", False),
        ("/srv/site", "/srv/site/img", False),
        ("C:\\Work\\assets", "c:\\work", True),
        ("C:\\Work\\assets", "D:\\Work", False),
        ("s3://bucket/in", "/srv", True),
        ("/srv/\0", "/elsewhere", False),
    ],
)
def test_which_folders_paths_can_start_at(root: str, base: str, held: bool) -> None:
    assert holds(base, root) is held


def test_a_folder_is_the_same_under_its_other_name(tmp_path: Path) -> None:
    (tmp_path / "real" / "in").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for root, base in (("real", "link"), ("link", "real")):
        scan = build_scan([], root=str(tmp_path / root / "in"), options={})
        assert holds(str(tmp_path / base), scan.root)
        assert prefix_of(scan, str(tmp_path / base)) == "in/"
    assert not holds(str(tmp_path / "link" / "in"), str(tmp_path / "real"))


def test_a_report_without_paths_does_not_tell() -> None:
    scan = build_scan([], root="[removed]", options={"paths": ["[removed]"]}, redacted=("paths",))
    assert started_in(scan) is None
    assert prefix_of(scan) == ""


@pytest.mark.parametrize(
    ("named", "base"),
    [
        ("/srv", "/srv"),
        ("..", "/srv"),
        (".", "/srv/site"),
        ("/elsewhere", None),
        ("img", "/srv/site/img"),
        ("", None),
        (3, None),
    ],
)
def test_the_folder_that_a_scan_was_given(named: Any, base: str | None) -> None:
    options = {"paths": ["img"], "relative_to": named}
    assert base_of(build_scan([], root="/srv/site/img", options=options)) == base


@pytest.mark.parametrize(
    ("root", "paths", "start"),
    [
        ("/srv/assets", ["assets"], "/srv"),
        ("/srv", ["."], "/srv"),
        ("/srv", ["a.png"], "/srv"),
        ("/assets", ["assets"], "/"),
        ("/srv/site/img", ["site/img/a", "site/img/b.png"], "/srv"),
        ("/srv/assets", ["/srv/assets"], None),
        ("/other", ["../other"], None),
        ("/elsewhere", ["a/b"], None),
        ("s3://bucket/in", ["s3://bucket/in"], None),
        ("/srv", None, None),
    ],
)
def test_where_a_scan_was_started(root: str, paths: Any, start: str | None) -> None:
    assert started_in(build_scan([], root=root, options={"paths": paths})) == start


@given(st.text(st.characters(codec=None, exclude_characters="\0"), min_size=1))
def test_every_name_is_a_valid_relative_uri_that_names_its_bytes(path: str) -> None:
    uri = uri_place(path, "")
    assert uri.isascii()
    assert uri.isprintable()
    assert not set(uri) & set(' "<>\\^`{|}')
    split = urlsplit(f"http://host/{uri}")
    assert (split.query, split.fragment) == ("", "")
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "surrogatepass")
    assert unquote_to_bytes(uri) == raw
    assert ":" not in uri, "a colon in the first segment would make a scheme of it"


def test_text_is_one_visible_line() -> None:
    assert shown_place("a\n\u202eb.png", "x/") == "x/a\\n\\u202eb.png"


@pytest.mark.parametrize(
    ("root", "uri"),
    [
        ("/a b/c", "file:///a%20b/c/"),
        ("C:\\a\\b", "file:///C:/a/b/"),
        ("/", "file:///"),
        ("s3://bucket/a b", "s3://bucket/a%20b/"),
    ],
)
def test_the_root_as_a_uri(root: str, uri: str) -> None:
    assert root_uri(build_scan([], root=root)) == uri
