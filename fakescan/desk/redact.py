"""Take out of a report what should not travel with it: places, serial numbers, names, paths, and the machine.

What is taken out of a field is looked for in the other texts of the same file, too: a serial number that stands in a
prompt or an error message goes with the field that names it. Digests stay, because a report that says nothing about
which file it speaks of is worth nothing; whoever has the file can therefore still tell that it is the one.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from fakescan.core.options import Redact
from fakescan.core.records import Scan
from fakescan.core.schema import scan_from_dict, scan_to_dict

SHARE: tuple[Redact, ...] = tuple(Redact)
"""What ``--share`` takes out: everything that can be taken out."""
REMOVED = "[removed]"
"""What stands in the place of what was taken out."""

_FIELDS: Mapping[Redact, tuple[str, re.Pattern[str]]] = {
    Redact.GPS: (
        "[removed: place]",
        re.compile(r"gps|latitude|longitude|altitude|location|sublocation|city|country|province|address|\bplace", re.I),
    ),
    Redact.SERIAL: (
        "[removed: serial number]",
        re.compile(r"serial|unique ?id|(document|instance|device|body|lens|camera) ?id\b", re.I),
    ),
    Redact.OWNER: (
        "[removed: name]",
        re.compile(
            r"artist|author|creator(?! ?tool)|by-?line|copyright|rights|owner|contact|e-?mail|publisher"
            r"|photographer|writer|credit|web ?statement|^source$",
            re.I,
        ),
    ),
}
_ALWAYS_A_NAME = re.compile(r"writer ?name", re.I)
"""Fields of people that speak for a side by being there at all."""
_PATH_OPTIONS = frozenset(
    {
        "paths", "include", "exclude", "outputs", "templates", "run_dir", "config", "gate", "baseline", "relative_to",
        "trust_list", "calibration",
    }
)  # fmt: skip
_WORD = r"[^\\/\s'\"]+"
_USER_FOLDER = re.compile(
    # A name of more than one word only where a separator ends it: a command line goes on behind a name.
    rf"((?:^|[\\/])(?:home|Users|Documents and Settings)[\\/]+)({_WORD}(?: {_WORD})*(?=[\\/])|{_WORD})"
)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
_EXCLUDED = re.compile(r"(excluded by (?:--exclude|\.fakescanignore:)) .*", re.DOTALL)
"""Why a path was skipped, where a pattern says it: that names files and folders, too."""
_MIN_SECRET_CHARS = 4
"""Shorter texts would be found everywhere."""
_MIN_NAME_CHARS = 6
"""The same for parts of paths, which are taken out of texts only where they are no words."""

_Json = dict[str, Any]


def redact(scan: Scan, what: Collection[Redact]) -> Scan:
    """The scan without some of what it knows; ``Scan.redacted`` names what was taken out.

    Args:
        scan: a finished scan.
        what: what to take out. ``Redact.THUMBS`` is only noted: whoever writes a report leaves the previews out.
    """
    if not what:
        return scan
    document = scan_to_dict(scan)
    for row in document["results"]:
        for kind in _FIELDS:
            if kind in what:
                _redact_fields(row, kind)
    if Redact.HOST in what:
        _redact_host(document)
    if Redact.PATHS in what:
        _redact_paths(document)
    document["scan"]["redacted"] = [kind.value for kind in Redact if kind in what or kind.value in scan.redacted]
    return scan_from_dict(document)


def _redact_fields(row: _Json, kind: Redact) -> None:
    """Take one sort of field out of a file's evidence, and its values out of the file's other texts."""
    mark, pattern = _FIELDS[kind]
    secrets: set[str] = set()
    for item in row["evidence"]:
        # A field that speaks for a side is what the verdict rests on, and no name of a person.
        speaks = item["supports"] != "none" and not _ALWAYS_A_NAME.search(item["name"])
        if item["value"] and not speaks and pattern.search(item["name"]):
            secrets |= {item["value"], *re.split(r"[,;\n]\s*", item["value"])}
            item["value"], item["unit"] = mark, ""
    _replace_in_row(row, dict.fromkeys(secrets, mark))


def _redact_host(document: _Json) -> None:
    """Take out the machine, and the name of whoever is logged on, as far as a path tells it."""
    about = document["scan"]
    if "platform" in about["environment"]:
        about["environment"]["platform"] = REMOVED
    if about["options"].get("base_url"):
        about["options"]["base_url"] = REMOVED
        if document["model"]:
            document["model"]["device"] = "server"
    places = [about["root"], about["command"], *_texts(about["options"])]
    users = {match[2] for place in places for match in _USER_FOLDER.finditer(place)}
    for name in ("root", "command", "options"):
        about[name] = _without_users(about[name], users)
    document["skipped"] = _without_users(document["skipped"], users)
    for row in document["results"]:
        _change_row(row, lambda value: _without_users(value, users))


def _redact_paths(document: _Json) -> None:
    """Give files numbers in place of names, in the same order, and take out every place on disk."""
    about = document["scan"]
    folders = {about["root"], *(path for path in _texts(about["options"].get("paths", [])))}
    parts = {part for folder in folders for part in re.split(r"[\\/]+", folder)}
    about["root"] = about["command"] = REMOVED
    about["options"] = {
        name: _removed(value) if name in _PATH_OPTIONS or (name == "model" and _is_place(value)) else value
        for name, value in about["options"].items()
    }
    if document["model"]:
        for name in ("name", "base_model", "adapter"):
            document["model"][name] = _last_part(document["model"][name])
    digits = len(str(max(len(document["results"]), len(document["skipped"]), 1)))
    for number, row in enumerate(document["results"], 1):
        old = row["path"]
        row["path"] = f"image-{number:0{digits}}{_suffix(old)}"
        row.pop("path_b64", None)
        file = PurePosixPath(old)
        marks = dict.fromkeys(folders, REMOVED) | dict.fromkeys(_telling(*parts, *file.parts[:-1]), REMOVED)
        marks |= dict.fromkeys(_telling(file.stem), PurePosixPath(row["path"]).stem)
        _replace_in_row(row, marks | {old: row["path"], file.name: row["path"]})
    for number, row in enumerate(document["skipped"], 1):
        row["path"] = f"skipped-{number:0{digits}}{_suffix(row['path'])}"
        row["reason"] = _EXCLUDED.sub(rf"\1 {REMOVED}", row["reason"])
        row.pop("path_b64", None)


def _telling(*names: str) -> list[str]:
    """Names that are no words, so that taking them out of texts leaves those readable."""
    return [name for name in names if len(name) >= _MIN_NAME_CHARS and not name.isalpha()]


def _replace_in_row(row: _Json, marks: Mapping[str, str]) -> None:
    """Replace texts in everything of a result that can hold words of the file or of the disk."""
    written = {form: mark for secret, mark in marks.items() for form in _writings(secret)}
    secrets = sorted((secret for secret in written if len(secret) >= _MIN_SECRET_CHARS), key=len, reverse=True)

    def change(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, written[secret])
        return text

    _change_row(row, lambda value: _changed(value, change))


def _change_row(row: _Json, change: Callable[[Any], Any]) -> None:
    """Change what a result says in words; numbers, digests, and the names of fields stay."""
    row["evidence"] = [{**item, **{part: change(item[part]) for part in ("value", "note")}} for item in row["evidence"]]
    for part in ("error", "stages"):
        row[part] = change(row[part])
    for claim in row.get("claims", []):
        claim |= {part: change(claim[part]) for part in ("text", "note")}
    for reason in (row["verdict"] or {}).get("reasons", []):
        reason["text"] = change(reason["text"])


@lru_cache(maxsize=4096)
def _writings(secret: str) -> set[str]:
    """A text as it stands inside of other texts: graphs in JSON, addresses, markup."""
    addresses = {form(secret, errors="replace") for form in (quote, quote_plus)}
    plain = {secret, html.escape(secret), escape(secret)} | addresses
    return plain | {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for text in plain for ascii_only in (True, False)}


def _without_users(value: Any, users: Collection[str]) -> Any:
    """The same without names of users: in their folders, and longer ones wherever they stand as a word."""
    long = "|".join(re.escape(name) for name in sorted(users, key=len, reverse=True) if len(name) >= _MIN_SECRET_CHARS)

    def change(text: str) -> str:
        text = _USER_FOLDER.sub(r"\1[user]", text)
        return re.sub(rf"(?<!\w)(?:{long})(?!\w)", "[user]", text) if long else text

    return _changed(value, change)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same with every text changed, at any depth; names of members stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    if isinstance(value, dict):
        return {name: _changed(item, change) for name, item in value.items()}
    return value


def _texts(value: object) -> Iterable[str]:
    """Every text in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _removed(value: object) -> object:
    """What stands for an option: nothing stays nothing, a list keeps its length."""
    if isinstance(value, list):
        return [REMOVED for _ in value]
    return REMOVED if value else value


def _is_place(value: object) -> bool:
    return isinstance(value, str) and ("/" in value or "\\" in value)


def _last_part(value: str | None) -> str | None:
    """A name without the folders before it (a model that was loaded from a folder is called by its path)."""
    if value is None or not (value.startswith(("/", "~", ".")) or re.match(r"[A-Za-z]:[\\/]", value)):
        return value
    return re.split(r"[\\/]", value.rstrip("\\/"))[-1]


def _suffix(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    return suffix.lower() if _SUFFIX.fullmatch(suffix) else ""
