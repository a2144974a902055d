"""A gate file: which findings fail a check, by path. It says what a project does not want, not what a picture is.

::

    # fakescan-gate.toml
    [[rule]]
    paths = ["tests/fixtures/"]
    fail_on = []

    [[rule]]
    paths = ["press/"]
    fail_on = ["fake", "inconclusive", "missing-content-credentials", "error"]

    [[rule]]
    paths = ["*"]
    fail_on = ["fake", "lost-marks"]

The first rule whose ``paths`` (notation of ``.gitignore``) match a file decides; a file that none matches follows
``--fail-on``.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec

from fakescan.errors import ConfigError
from fakescan.reports.escape import visible
from fakescan.reports.judgement import FindingKind

_HINT = "see docs/ci.md for an example of a gate file"
_MAX_BYTES = 1_000_000
_WORDS = tuple(kind.value for kind in FindingKind)


@dataclass(frozen=True, slots=True)
class Rule:
    """What fails for some files."""

    number: int
    """Its place in the file, from 1 on."""
    spec: GitIgnoreSpec
    """Which files."""
    fail_on: frozenset[FindingKind]
    """Which findings."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules, in order."""

    rules: tuple[Rule, ...]
    """The first that matches decides."""

    def rule_for(self, path: str) -> Rule | None:
        """The rule that decides about a file, or None.

        Args:
            path: as it is seen from the folder where the check was started, POSIX.
        """
        return next((rule for rule in self.rules if rule.spec.match_file(path)), None)

    @property
    def needs_baseline(self) -> bool:
        """Whether a rule asks for lost marks, which only a baseline can tell."""
        return any(FindingKind.LOST_MARKS in rule.fail_on for rule in self.rules)


def read(path: Path, *, with_baseline: bool) -> Gate:
    """Read a gate file.

    Args:
        path: the file.
        with_baseline: whether there is a baseline to compare marks with.

    Raises:
        ConfigError: with every fault of the file at once.
    """
    name = visible(str(path))
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError([f"{name}: too large for a gate file"], _HINT)
        document: Any = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as fault:
        raise ConfigError([f"{name}: {fault.strerror or type(fault).__name__}"], _HINT) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise ConfigError([f"{name}: not TOML: {visible(str(fault))}"], _HINT) from None
    faults = [_unknown(key, ["rule"], name) for key in document if key != "rule"]
    tables = document.get("rule", [])
    rules: list[Rule] = []
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        faults.append(f"{name}: rules are written [[rule]]")
    else:
        for number, table in enumerate(tables, 1):
            rule, wrong = _rule(number, table)
            faults += [f"{name}: rule {number}: {fault}" for fault in wrong]
            rules += [rule] if rule else []
        if not tables:
            faults.append(f"{name}: there is no [[rule]]")
    gate = Gate(tuple(rules))
    if gate.needs_baseline and not with_baseline:
        faults.append(f"{name}: lost-marks needs --baseline FILE, which remembers the marks that files had")
    if faults:
        raise ConfigError(faults, _HINT)
    return gate


def _rule(number: int, table: dict[str, Any]) -> tuple[Rule | None, list[str]]:
    """One rule and everything that is wrong with it."""
    known = ("paths", "fail_on")
    faults = [_unknown(key, known, "") for key in table if key not in known]
    paths, words = table.get("paths"), table.get("fail_on")
    spec = None
    if not _is_texts(paths) or not paths:
        faults.append('paths is not a list of patterns, e.g. paths = ["press/"]')
    else:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of the regular expression that "[[]" becomes
                spec = GitIgnoreSpec.from_lines(paths)
        except (ValueError, re.error) as fault:
            faults.append(f"paths: {visible(str(fault))}")
    if not _is_texts(words):
        faults.append(f"fail_on is not a list of these words: {', '.join(_WORDS)}")
        words = []
    faults += [f"fail_on: {_unknown(word, _WORDS, '')}" for word in words or [] if word not in _WORDS]
    if spec is None or faults:
        return None, faults
    return Rule(number, spec, frozenset(FindingKind(word) for word in words or [])), []


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _unknown(name: str, known: Iterable[str], where: str) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    meant = f" (did you mean {near[0]}?)" if near else f" (known: {', '.join(known)})"
    return f"{where}: unknown word {visible(name, limit_chars=40)}{meant}".removeprefix(": ")
