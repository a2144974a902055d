from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest

from fakescan.core.records import Failure, ImageResult, Label, Reason, Scan
from fakescan.reports.judgement import Finding, FindingKind, Judgement
from fakescan.reports.markdown import MAX_ROWS, MarkdownRenderer, code, prose


def _text(scan: Scan) -> str:
    out = StringIO()
    MarkdownRenderer().render(scan, out)
    return out.getvalue()


def test_summary_of_a_scan(press_scan: Scan) -> None:
    text = _text(press_scan)
    assert text.startswith(
        "## fakescan: 22 images\n\n3 likely AI-generated, 3 inconclusive, 14 with no sign of AI generation found, "
        "2 could not be examined.\n\n| Verdict | P(AI) | File | Why |\n|---|---:|---|---|\n"
        "| ▲ Likely AI-generated | 0.93 | `stall/market.jpg` | The file carries a generator's settings"
    )
    assert "| `incoming/half.jpg` | the file ends after 1,024 of 98,210 bytes (`truncated`) | ask for" in text
    assert "2 paths were skipped." in text
    assert "not proof" in text
    assert "city/street" not in text


def test_long_tables_are_cut_and_counted(
    make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    text = _text(make_scan([make_result(f"{index:02}.jpg", Label.FAKE, 0.9) for index in range(50)]))
    assert text.count("| ▲") == MAX_ROWS
    assert "… and 30 more." in text


def test_always_fits_into_a_step_summary(
    make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    longest = "\U000e0001" * 100_000
    failure = Failure(longest, longest, longest, longest)
    reason = Reason("model", longest)
    results = [make_result(f"{i}{longest}", Label.FAKE, 0.9, reasons=(reason,), headline=longest) for i in range(50)]
    results += [make_result(f"x{i}{longest}", None, failure=failure) for i in range(50)]
    findings = {result.record.file.path: (Finding(FindingKind.LOST_MARKS, longest, True),) for result in results}
    out = StringIO()
    scan = make_scan(results, tool_version=longest, options={"policy": longest})
    MarkdownRenderer(judgement=Judgement(findings, (longest,))).render(scan, out)
    assert 100_000 < len(out.getvalue().encode("utf-8")) < 900_000


def test_what_the_gate_and_the_baseline_add(press_scan: Scan) -> None:
    known = Judgement(
        {
            "bridge.jpg": (Finding(FindingKind.LOST_MARKS, "It has lost <its> mark.", True),),
            "stall/market.jpg": (Finding(FindingKind.FAKE, "Fake.", False, "Accepted."),),
        },
        ("1 accepted finding is open again.",),
    )
    out = StringIO()
    MarkdownRenderer(judgement=known).render(press_scan, out)
    assert (
        "### Check\n\n- 1 accepted finding is open again.\n- `bridge.jpg`: It has lost &lt;its&gt; mark.\n"
        "- 1 finding is accepted in the baseline.\n"
    ) in out.getvalue()
    assert "### Check" not in _text(press_scan)


def test_empty_and_interrupted(make_scan: Callable[..., Scan]) -> None:
    text = _text(make_scan([], model=None, interrupted=True))
    assert "no image was found, so nothing was examined." in text
    assert "stopped before its end" in text
    assert "No model was loaded" in text


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a.jpg", "`a.jpg`"),
        ("a`b.jpg", "`` a`b.jpg ``"),
        ("``", "``` `` ```"),
        ("", "` `"),
        ("a|b", "`a\\|b`"),
        ("<b>@team #1", "`<b>@team #1`"),
    ],
)
def test_code_spans_hold_anything(text: str, span: str) -> None:
    assert code(text, in_table=True) == span


def test_prose_is_only_text() -> None:
    assert prose("<img> [a](http://x) @team #1 *b* `c` | www.x.org\n~~") == (
        "&lt;img&gt; \\[a\\](http\\://x) \\@team \\#1 \\*b\\* \\`c\\` \\| www\\.x.org\\\\n\\~\\~"
    )


def test_hostile_names_keep_the_table_in_shape(hostile_scan: Scan) -> None:
    lines = [line for line in _text(hostile_scan).splitlines() if line.startswith("| ▲")]
    assert len(lines) == 4
    assert all(line.replace("\\|", "").count("|") == 5 for line in lines)
