"""XMP packets as a flat list of properties, parsed without entities, without outside references, and without depth."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from fakescan.evidence.containers.found import text_of

MAX_PACKET_BYTES = 16_000_000
"""Longer packets are not read. Phones keep depth maps in extended packets of some megabytes."""
MAX_VALUE_CHARS = 1_000_000
"""Longer values (pictures in base64) are left out."""

_STRAY_AMPERSAND = re.compile(r"&(?!(?:[A-Za-z]{1,8}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARED = re.compile(r"^<\?xml\s[^>]{0,200}\?>")
"""A declaration names the encoding that the packet no longer has."""
_MAX_DEPTH = 64
_MAX_PROPERTIES = 10_000
_MAX_ELEMENTS = 300_000
_BALLAST = "DocumentAncestors"
"""Photoshop lists every document that something was ever pasted from: tens of thousands, and of no use."""
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_DESCRIPTION = _RDF + "Description"
_CONTAINERS = frozenset(_RDF + name for name in ("RDF", "Description", "Alt", "Bag", "Seq", "li"))


@dataclass(frozen=True, slots=True)
class Property:
    """One value of an XMP packet."""

    namespace: str
    """Namespace of the property."""
    name: str
    """Its local name."""
    value: str
    """Its text. Untrusted."""
    within: str = ""
    """Local name of the outermost property that it stands in, e.g. ``History``; empty when it stands by itself."""


class XmpError(ValueError):
    """A packet that is damaged, or built to do harm."""


def properties(packet: bytes) -> list[Property]:
    """The properties of a packet: attributes and element texts alike, values of lists one by one.

    Args:
        packet: bytes of an XMP packet, wrapper and padding included.

    Raises:
        XmpError: when it is no XML, too large, too deep, or declares a document type (the door to entity bombs and
            outside references).
    """
    start = packet.find(b"<")
    if start < 0 or len(packet) > MAX_PACKET_BYTES:
        raise XmpError
    body = _in_utf8(packet, start)
    found, is_whole = _parsed(body)
    if is_whole:
        return found
    # Many writers forget to escape an ampersand, or put Latin-1 into UTF-8; other readers pass over both.
    # Many packets are cut or have a wrong end; what came before it is still said by the file.
    found = max(found, _parsed(_repaired(body), to_the_last_word=True)[0], key=len)
    if not found:
        raise XmpError
    return found


def _in_utf8(packet: bytes, start: int) -> bytes:
    """The packet from its first bracket on; UTF-16 and UTF-32, which the standard allows, as UTF-8."""
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        bracket = "<".encode(encoding)
        at = start - bracket.index(b"<")
        # An ASCII character follows the first bracket in every encoding alike.
        second = packet[at + len(bracket) : at + 2 * len(bracket)]
        if at >= 0 and packet.startswith(bracket, at) and second.count(0) == len(bracket) - 1:
            whole = (len(packet) - at) // len(bracket) * len(bracket)
            text = packet[at : at + whole].decode(encoding, "replace")
            return _DECLARED.sub("", text, count=1).encode("utf-8", "replace").rstrip(b"\0 \t\r\n")
    return packet[start:].rstrip(b"\0 \t\r\n")


def _repaired(body: bytes) -> bytes:
    """The packet with stray ampersands escaped, what is no UTF-8 read as Latin-1, and control characters left out."""
    text = _STRAY_AMPERSAND.sub("&amp;", text_of(body))
    return _CONTROL.sub("", text).encode("utf-8", "replace")


def _parsed(body: bytes, *, to_the_last_word: bool = False) -> tuple[list[Property], bool]:
    """Properties as far as the parser came, and whether it came to the end.

    The parser keeps text back, which is quick, and forgets it when it stumbles.
    """
    gathered = _Gathered()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = gathered.start
    parser.EndElementHandler = gathered.end
    parser.CharacterDataHandler = gathered.text
    parser.buffer_text = not to_the_last_word
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        gathered.break_off()
        return gathered.found, False
    return gathered.found, True


def readable_properties(packets: Iterable[bytes]) -> tuple[list[Property], bool]:
    """The properties of all packets that can be read.

    Args:
        packets: bytes of XMP packets.

    Returns:
        The properties, and whether a packet could not be read.
    """
    found: list[Property] = []
    damaged = False
    for packet in packets:
        try:
            found += properties(packet)
        except XmpError:
            damaged = True
    return found, damaged


def _refuse(*_: object) -> None:
    raise XmpError


@dataclass(slots=True)
class _Gathered:
    """What the parser has come by."""

    found: list[Property] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    elements: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if len(self.path) >= _MAX_DEPTH or len(self.found) >= _MAX_PROPERTIES or self.elements > _MAX_ELEMENTS:
            raise XmpError
        self.path.append(name)
        self.words.clear()
        for key, value in attributes.items():
            # rdf:resource is the value of the element that it stands in.
            self._add(name if key == f"{_RDF}resource" else key, value)

    def end(self, _: str) -> None:
        self.break_off()
        self.path.pop()

    def break_off(self) -> None:
        """Keep the text that was read so far."""
        value = "".join(self.words).strip()
        self.words.clear()
        if value:
            self._add(next(self._named(), ""), value)

    def text(self, text: str) -> None:
        self.words.append(text)

    def _named(self) -> Iterator[str]:
        """Names of the open elements from the inside, without those that only hold lists."""
        return (name for name in reversed(self.path) if name not in _CONTAINERS)

    def _add(self, name: str, value: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace and value and len(value) <= MAX_VALUE_CHARS and local != _BALLAST:
            opened = self.path[self.path.index(_DESCRIPTION) + 1 :] if _DESCRIPTION in self.path else []
            outermost = next((element for element in opened if element not in _CONTAINERS), name)
            within = "" if outermost == name else outermost.rpartition(" ")[2]
            self.found.append(Property(namespace, local, value, within))
