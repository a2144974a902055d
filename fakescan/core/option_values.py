"""Readers of single option values: from text (flags, environment) and from TOML's own types alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NoReturn

Reader = Callable[[object], Any]

_DEVICE = re.compile(r"auto|mps|cuda:all|(cpu|cuda(:\d{1,3})?)(,(cpu|cuda(:\d{1,3})?))*")
_SHARD = re.compile(r"(\d{1,6})/(\d{1,6})")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_MAX_SHOWN = 40


def text(value: object) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        _refuse(value, "a text that is not empty")
    return value


def optional_text(value: object) -> str | None:
    """A text; None and the empty text mean nothing."""
    return None if value is None or value == "" else text(value)


def texts(value: object) -> tuple[str, ...]:
    """A list of texts, or a single one."""
    if isinstance(value, str):
        return (text(value),)
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        _refuse(value, "a list of texts")
    return tuple(value)


def choice(kind: type[StrEnum]) -> Reader:
    """A reader of one of a fixed set of words.

    Args:
        kind: the words.
    """

    def read(value: object) -> StrEnum:
        try:
            return kind(str(value))
        except ValueError:
            _refuse(value, "one of " + ", ".join(kind))

    return read


def several(kind: type[StrEnum]) -> Reader:
    """A reader of any number of a fixed set of words, as a list or separated by commas; each counts once.

    Args:
        kind: the words.
    """
    one = choice(kind)

    def read(value: object) -> tuple[StrEnum, ...]:
        given = [part.strip() for item in texts(value) for part in item.split(",") if part.strip()]
        wanted = {one(word) for word in given}
        return tuple(word for word in kind if word in wanted)

    return read


def device(value: object) -> str:
    """``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or several: ``cuda:all`` or a list (``cuda:0,cuda:1``)."""
    if not isinstance(value, str) or not _DEVICE.fullmatch(value):
        _refuse(value, "auto, cpu, cuda, cuda:N, cuda:all, mps or a list such as cuda:0,cuda:1")
    return value


def flag(value: object) -> bool:
    """True or false, or a word for it."""
    word = str(value).lower()
    if not isinstance(value, bool | str) or word not in _TRUE | _FALSE:
        _refuse(value, "true or false")
    return word in _TRUE


def whole_number(value: object) -> int:
    """A whole number from 0 on."""
    number = _integer(value)
    if number is None or number < 0:
        _refuse(value, "a whole number from 0 on")
    return number


def count(value: object) -> int:
    """A whole number from 1 on."""
    number = _integer(value)
    if number is None or number < 1:
        _refuse(value, "a whole number from 1 on")
    return number


def optional_count(value: object) -> int | None:
    """A whole number from 1 on; None means no limit."""
    return None if value is None else count(value)


def count_up_to(most: int) -> Reader:
    """A reader of a whole number from 0 to a limit; ``all`` is the limit.

    Args:
        most: the limit.
    """

    def read(value: object) -> int:
        number = most if value == "all" else _integer(value)
        if number is None or not 0 <= number <= most:
            _refuse(value, f"all or a whole number from 0 to {most}")
        return number

    return read


def auto_or_count(value: object) -> int | None:
    """A whole number from 1 on; ``auto`` is None."""
    if value is None or value == "auto":
        return None
    number = _integer(value)
    if number is None or number < 1:
        _refuse(value, "auto or a whole number from 1 on")
    return number


def shard(value: object) -> str | None:
    """A part of a whole, ``i/n`` with i from 1 to n; None and the empty text mean the whole."""
    if value is None or value == "":
        return None
    found = _SHARD.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        _refuse(value, "a part such as 2/8, from 1/8 to 8/8")
    return f"{int(found[1])}/{int(found[2])}"


def optional_share(value: object) -> float | None:
    """A number from 0 to 1, or None."""
    if value is None:
        return None
    number = _number(value)
    if number is None or not 0 <= number <= 1:
        _refuse(value, "a number from 0 to 1")
    return number


def seconds(value: object) -> float:
    """A number above 0."""
    number = _number(value)
    if number is None or number <= 0:
        _refuse(value, "a number of seconds above 0")
    return number


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, str) and not re.fullmatch(r"\d{1,18}", value):
        return None
    return int(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _refuse(value: object, wanted: str) -> NoReturn:
    shown = ascii(value)
    raise ValueError(f"{shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + '...'} is not {wanted}")
