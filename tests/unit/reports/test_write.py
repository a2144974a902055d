from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from fakescan.core.records import Scan
from fakescan.errors import ReportError
from fakescan.reports import html
from fakescan.reports.json import JsonRenderer
from fakescan.reports.write import STDOUT, Output, check_writable, format_of, parse_output, write_report


@pytest.mark.parametrize(
    ("text", "fmt", "path"),
    [
        ("report.html", "html", "report.html"),
        ("out/REPORT.HTM", "html", "out/REPORT.HTM"),
        ("a.ndjson", "jsonl", "a.ndjson"),
        ("summary.markdown", "md", "summary.markdown"),
        ("json:report", "json", "report"),
        ("CSV:table.txt", "csv", "table.txt"),
        ("html:C:\\x\\y", "html", "C:\\x\\y"),
        ("C:\\cases\\report.json", "json", "C:\\cases\\report.json"),
        ("./odd:name.json", "json", "./odd:name.json"),
        ("a b.csv", "csv", "a b.csv"),
        ("r.sarif", "sarif", "r.sarif"),
        ("r.xml", "junit", "r.xml"),
        ("r.jsonld", "case", "r.jsonld"),
        ("gitlab:gl.json", "gitlab", "gl.json"),
        ("github:-", "github", "-"),
        ("json:-", "json", "-"),
    ],
)
def test_reads_format_and_path(text: str, fmt: str, path: str) -> None:
    assert parse_output(text) == Output(fmt, Path(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("report", "cannot tell the report format"),
        ("report.pdff", "cannot tell the report format"),
        ("htlm:report", "unknown report format"),
        ("html:", "no file name"),
        ("-", "no file name"),
        ("", "no file name"),
        ("bad\x1b[31m", "cannot tell"),
    ],
)
def test_refuses_what_it_cannot_place(text: str, message: str) -> None:
    with pytest.raises(ReportError, match=message) as caught:
        parse_output(text)
    assert caught.value.hint
    assert "\x1b" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("name", ["r.html", "r.json", "r.jsonl", "r.csv", "r.md", "r.sarif", "r.xml", "r.jsonld"])
def test_writes_every_format_by_suffix(tmp_path: Path, press_scan: Scan, name: str) -> None:
    write_report(press_scan, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 500
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_given_format_wins(tmp_path: Path, press_scan: Scan) -> None:
    write_report(press_scan, tmp_path / "report.html", "json")
    assert json.loads((tmp_path / "report.html").read_text("utf-8"))["schema_version"] == "1"


def test_csv_keeps_its_line_ends_and_mark(tmp_path: Path, press_scan: Scan) -> None:
    write_report(press_scan, tmp_path / "r.csv")
    raw = (tmp_path / "r.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfpath,")
    assert raw.count(b"\r\n") == 23
    assert b"\r\r\n" not in raw


def test_previews_reach_the_page_and_no_other_format(
    tmp_path: Path, press_scan: Scan, picture_bytes: Callable[..., bytes]
) -> None:
    pictures = {"bridge.jpg": picture_bytes(16, 16, "WEBP")}
    write_report(press_scan, tmp_path / "r.html", thumbnails=pictures)
    write_report(press_scan, tmp_path / "r.csv", thumbnails=pictures)
    assert "data:image/webp;base64," in (tmp_path / "r.html").read_text("utf-8")


def test_a_report_on_standard_output(press_scan: Scan, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    check_writable(STDOUT)
    write_report(press_scan, STDOUT, "csv")
    assert capfdbinary.readouterr().out.startswith(b"\xef\xbb\xbfpath,")


def test_half_a_report_is_not_printed(
    press_scan: Scan, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def half(self: object, scan: Scan, out: TextIO) -> None:
        out.write("half a page")
        raise ReportError("a fault", "")

    monkeypatch.setattr(JsonRenderer, "render", half)
    with pytest.raises(ReportError):
        write_report(press_scan, STDOUT, "json")
    assert capfdbinary.readouterr().out == b""


def test_a_broken_renderer_leaves_the_old_report(
    tmp_path: Path, press_scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: object, scan: Scan, out: TextIO) -> None:
        out.write("half a page")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JsonRenderer, "render", half)
    target = tmp_path / "r.json"
    target.write_text("old", "utf-8")
    with pytest.raises(ReportError, match="No space left on device") as caught:
        write_report(press_scan, target)
    assert caught.value.hint
    assert target.read_text("utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_faulty_template_leaves_nothing(tmp_path: Path, press_scan: Scan) -> None:
    (tmp_path / "t" / "html").mkdir(parents=True)
    (tmp_path / "t" / "html" / "_custody.html.j2").write_text("{{ nothing }}", "utf-8")
    with pytest.raises(ReportError, match="faulty template"):
        write_report(press_scan, tmp_path / "r.html", templates=tmp_path / "t")
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_an_interruption_leaves_nothing(tmp_path: Path, press_scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(html, "build_page", stop)
    with pytest.raises(KeyboardInterrupt):
        write_report(press_scan, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_missing_folder_are_found_before_the_scan(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(ReportError, match="does not exist"):
        check_writable(tmp_path / "none" / "r.html")
    check_writable(tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_alone_names_the_format() -> None:
    assert format_of(Path("x.JSON")) == "json"
    with pytest.raises(ReportError):
        format_of(Path("x"))


posix = pytest.mark.skipif(os.name != "posix", reason="links and devices as POSIX has them")


@posix
def test_a_link_stays_a_link(tmp_path: Path, press_scan: Scan) -> None:
    (tmp_path / "deep").mkdir()
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "deep" / "r.json")
    check_writable(link)
    write_report(press_scan, link)
    assert link.is_symlink()
    assert (tmp_path / "deep" / "r.json").stat().st_size > 500


@posix
def test_a_device_is_written_into_and_never_replaced(press_scan: Scan) -> None:
    device = Path(os.devnull)
    check_writable(device)
    write_report(press_scan, device, "json")
    assert device.is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_device_is_an_error(press_scan: Scan) -> None:
    with pytest.raises(ReportError, match="cannot write /dev/full"):
        write_report(press_scan, Path("/dev/full"), "html")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_protected_folder_is_an_error(tmp_path: Path, press_scan: Scan) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ReportError, match="cannot write"):
            check_writable(tmp_path / "r.html")
        with pytest.raises(ReportError, match="cannot write"):
            write_report(press_scan, tmp_path / "r.html")
    finally:
        tmp_path.chmod(0o700)
