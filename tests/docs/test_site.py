"""What the documentation site puts in from code: navigation, helps, schema; and that its pages ask no other host."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from docs.made import commands, hosts, navigation, schema
from fakescan.cli.app import COMMANDS, run
from fakescan.core.schema import json_schema_text


@pytest.fixture(scope="module")
def cli_page(repository: Path) -> str:
    return (repository / "docs" / "cli.md").read_text(encoding="utf-8")


def words_of(text: str) -> list[str]:
    """Words without the frames that Rich draws; what it wraps or leaves out in narrow columns differs."""
    return re.findall(r"[A-Za-z]{3,}", text)


def test_every_command_has_its_help() -> None:
    found = commands.helps()
    assert {words.split()[0] for words in found} == set(COMMANDS)
    assert "trust update" in found
    for words, text in found.items():
        assert text.startswith(f"Usage: fakescan {words} ")


@pytest.mark.parametrize("words", ["verify", "trust update"])
def test_the_help_is_what_the_command_prints(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words.split(), "--help"]) == 0
    printed = set(words_of(capsys.readouterr().out))
    text = commands.helps()[words]
    sentences = text.split("Arguments:")[0].split("Options:")[0]
    assert set(words_of(sentences)) <= printed
    assert set(re.findall(r"--([a-z]{3,})", text)) <= printed


def test_the_help_has_no_markup_of_the_terminal() -> None:
    for text in commands.helps().values():
        assert not re.search(r"\[/?bold\]|\x1b|[╭│╰]", text)


def test_each_section_ends_with_its_own_help(cli_page: str) -> None:
    page = commands.with_helps(cli_page)
    for words, text in commands.helps().items():
        assert page.count(text) == 1
        before = page[: page.index(text)]
        heading = re.findall(r"^## `fakescan ([^`]*)`$", before, re.MULTILINE)[-1]
        assert heading.startswith(words)
    assert re.sub(r"<details.*?</details>\s*", "", page, flags=re.DOTALL).split() == cli_page.split()


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [("## `fakescan doctor`", "## Doctor", "doctor"), ("## `fakescan doctor`", "## `fakescan nurse`", "nurse")],
)
def test_a_missing_or_a_superfluous_section_stops_the_build(cli_page: str, before: str, after: str, named: str) -> None:
    assert before in cli_page
    with pytest.raises(ValueError, match=named):
        commands.with_helps(cli_page.replace(before, after))


def members(node: object) -> set[str]:
    """The names of all members in a JSON Schema."""
    if isinstance(node, list):
        return {name for item in node for name in members(item)}
    if not isinstance(node, dict):
        return set()
    return set(node.get("properties", {})) | {name for child in node.values() for name in members(child)}


def test_the_page_of_the_schema_names_every_member_with_its_meaning() -> None:
    page = schema.fields_page()
    document = json.loads(json_schema_text())
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.+) \| (yes|no) \| (.*) \|$", page, re.MULTILINE)}
    assert members(document) - {"properties"} == set(rows)
    assert rows["schema_version"] == ('always `"1"`', "yes", document["properties"]["schema_version"]["description"])
    for name in document["$defs"]:
        assert f"## Definition `{name}`" in page


def test_types_of_the_schema_are_told_in_words() -> None:
    document = {
        "properties": {
            "share": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "a | b"},
            "side": {"enum": ["fake", "real", None]},
            "other": {"type": "object", "additionalProperties": {"type": "string"}},
            "list": {"type": "array", "items": {"$ref": "#/$defs/thing"}},
        },
        "required": ["side"],
        "$defs": {"thing": {"properties": {"deep": {"type": "object", "properties": {"x": {"type": "integer"}}}}}},
    }
    page = schema.fields_page(json.dumps(document))
    assert "| `share` | number or null, at least 0, at most 1 | no | a \\| b |" in page
    assert '| `side` | `"fake"`, `"real"` or `null` | yes |  |' in page
    assert "| `other` | object with values of type string | no |  |" in page
    assert "| `list` | array of [thing](#definition-thing) | no |  |" in page
    assert "## Definition `thing`" in page
    assert "## `thing.deep`" in page


def test_every_page_stands_in_the_navigation_once(repository: Path) -> None:
    pages = {f"docs/{path.stem}" for path in (repository / "docs").glob("*.md")}
    pages |= {"README", "docs/brand-new", "fakescan/model/large/MODEL_CARD", "benchmarks/results/x"}
    found = dict(navigation.sections(pages))
    placed = [page for names in found.values() for page in names]
    assert sorted(placed) == sorted(pages - {navigation.ROOT_PAGE})
    assert "docs/brand-new" in found[navigation.MORE]
    assert "fakescan/model/large/MODEL_CARD" in found[navigation.MODELS]
    contents = navigation.contents(pages)
    assert "Model card: large </fakescan/model/large/MODEL_CARD>" in contents
    assert contents.count("```{toctree}") == len(found)


@pytest.mark.parametrize(
    "loads",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<img src="//img.example.org/a.png">',
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<link rel="preconnect" href="https://fonts.example.org">',
        '<iframe src="HTTPS://video.example.org"></iframe>',
        "<p style=\"background: url('https://img.example.org/b.png')\">x</p>",
    ],
)
def test_a_page_that_asks_another_host_is_refused(tmp_path: Path, loads: str) -> None:
    (tmp_path / "page.html").write_text(f"<html><body>{loads}</body></html>", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.html: .*example\.org"):
        hosts.refuse_foreign(tmp_path)


def test_a_style_that_asks_another_host_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@import 'https://fonts.example.org/css';", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.css: https://fonts\.example\.org/css"):
        hosts.refuse_foreign(tmp_path)


def test_links_to_follow_and_own_files_are_fine(tmp_path: Path) -> None:
    page = (
        '<link rel="stylesheet" href="_static/a.css"><link rel="next" title="x" href="https://example.org/b">'
        '<a href="https://example.org">x</a><img src="data:image/png;base64,AA=="><script src="_static/x.js"></script>'
    )
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    (tmp_path / "a.css").write_text("a { background: url(_images/a.png) }", encoding="utf-8")
    hosts.refuse_foreign(tmp_path)
