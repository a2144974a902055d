"""JSON values one at a time: cleaned on the way out, distrusted on the way in."""

from __future__ import annotations

import base64
import binascii
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, TypeVar

Choice = TypeVar("Choice", bound=StrEnum)

_MISSING = object()


class ReportShapeError(ValueError):
    """A value that does not fit; the message names its place in the document."""


def valid_unicode(text: str) -> str:
    """The text with lone surrogates (undecodable bytes of a file name) replaced, so that UTF-8 can hold it."""
    return text.encode("utf-8", "replace").decode("utf-8") if not _is_encodable(text) else text


def clean(value: object) -> Any:
    """A copy that JSON can hold: no NaN or infinity (null instead), no lone surrogates, no tuples, no enums."""
    if isinstance(value, Enum):
        return clean(value.value)
    if isinstance(value, str):
        return valid_unicode(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {valid_unicode(str(key)): clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    if value is None or isinstance(value, bool | int):
        return value
    return valid_unicode(str(value))


def written_path(path: str) -> dict[str, str]:
    """``path`` for people and, when the name is not valid UTF-8, ``path_b64`` with its bytes."""
    if _is_encodable(path):
        return {"path": path}
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # A lone surrogate of a Windows name, which is UTF-16 there: no byte of a POSIX name.
        raw = path.encode("utf-8", "surrogatepass")
    return {"path": valid_unicode(path), "path_b64": base64.b64encode(raw).decode("ascii")}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a parsed JSON document that knows where it stands, so that a fault can name its place."""

    _value: object
    where: str = ""
    """Its place (``results[3].verdict.label``); empty for the document itself."""

    def __getitem__(self, name: str) -> Node:
        """A member of an object; a missing one is a node that says so when it is read."""
        if self._value is _MISSING or self._value is None:
            return Node(_MISSING, self._below(name))
        if not isinstance(self._value, Mapping):
            raise self._fault("an object")
        return Node(self._value.get(name, _MISSING), self._below(name))

    @property
    def missing(self) -> bool:
        """Whether the value is absent or null."""
        return self._value is _MISSING or self._value is None

    def text(self) -> str:
        """A string."""
        if not isinstance(self._value, str):
            raise self._fault("a text")
        return self._value

    def optional_text(self) -> str | None:
        """A string, or None when absent or null."""
        return None if self.missing else self.text()

    def number(self, *, default: float | None = None) -> float:
        """A finite number."""
        if self.missing and default is not None:
            return default
        if isinstance(self._value, bool) or not isinstance(self._value, int | float):
            raise self._fault("a number")
        try:
            value = float(self._value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self._fault("a finite number")
        return value

    def optional_number(self) -> float | None:
        """A finite number, or None when absent or null."""
        return None if self.missing else self.number()

    def integer(self, *, default: int | None = None) -> int:
        """A whole number."""
        if self.missing and default is not None:
            return default
        if isinstance(self._value, bool) or not isinstance(self._value, int):
            raise self._fault("a whole number")
        return self._value

    def optional_integer(self) -> int | None:
        """A whole number, or None when absent or null."""
        return None if self.missing else self.integer()

    def flag(self, *, default: bool) -> bool:
        """A boolean."""
        if self.missing:
            return default
        if not isinstance(self._value, bool):
            raise self._fault("true or false")
        return self._value

    def choice(self, kind: type[Choice], *, default: Choice | None = None) -> Choice:
        """A member of an enumeration, by its value."""
        if self.missing and default is not None:
            return default
        try:
            return kind(self.text())
        except ValueError:
            raise self._fault(" or ".join(kind)) from None

    def optional_choice(self, kind: type[Choice]) -> Choice | None:
        """A member of an enumeration, or None when absent or null."""
        return None if self.missing else self.choice(kind)

    def time(self) -> datetime:
        """A moment with its time zone, in UTC."""
        try:
            moment = datetime.fromisoformat(self.text())
            if moment.tzinfo is None:
                raise self._fault("a time with its zone")
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._fault("a time with its zone") from None

    def elements(self) -> list[Node]:
        """The elements of a list; none when absent or null."""
        if self.missing:
            return []
        if not isinstance(self._value, list):
            raise self._fault("a list")
        return [Node(value, f"{self.where}[{here}]") for here, value in enumerate(self._value)]

    def items(self) -> list[tuple[str, Node]]:
        """The members of an object; none when absent or null."""
        if self.missing:
            return []
        if not isinstance(self._value, Mapping):
            raise self._fault("an object")
        return [(str(name), Node(value, self._below(str(name)))) for name, value in self._value.items()]

    def mapping(self) -> dict[str, Any]:
        """An object as it is; empty when absent or null."""
        return {name: node._value for name, node in self.items()}

    def scalars(self) -> dict[str, float | int | str]:
        """An object of numbers and texts; nulls (what was not finite) are left out."""
        return {name: node._scalar() for name, node in self.items() if not node.missing}

    def path(self) -> str:
        """A file's path: ``path_b64`` where there is one, else ``path``."""
        coded = self["path_b64"].optional_text()
        if coded is None:
            return self["path"].text()
        try:
            raw = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            raise self["path_b64"]._fault("base64") from None
        return _decoded_path(raw)

    def _scalar(self) -> float | int | str:
        if isinstance(self._value, bool) or not isinstance(self._value, int | float | str):
            raise self._fault("a number or a text")
        return self._value

    def _below(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def _fault(self, wanted: str) -> ReportShapeError:
        found = "missing" if self._value is _MISSING else f"not {wanted}"
        return ReportShapeError(f"{valid_unicode(self.where)[:80] or 'the document'} is {found}")


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _decoded_path(raw: bytes) -> str:
    if os.name == "nt":
        try:
            return raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            pass  # written on another system
    return raw.decode("utf-8", "surrogateescape")
