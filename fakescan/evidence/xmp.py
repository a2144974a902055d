"""XMP packets as a flat list of properties, parsed without entities, without outside references, and without depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_PACKET_BYTES = 16_000_000
"""Longer packets are not read. Phones keep depth maps in extended packets of some megabytes."""
MAX_VALUE_CHARS = 1_000_000
"""Longer values (pictures in base64) are left out."""

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
    gathered = _Gathered()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = gathered.start
    parser.EndElementHandler = gathered.end
    parser.CharacterDataHandler = gathered.text
    parser.buffer_text = True
    try:
        parser.Parse(packet[start:].rstrip(b"\0 \t\r\n"), True)
    except expat.ExpatError:
        # Many packets are cut or have a wrong end; what came before it is still said by the file.
        if not gathered.found:
            raise XmpError from None
    return gathered.found


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
        value = "".join(self.words).strip()
        self.words.clear()
        if value:
            self._add(next(self._named(), ""), value)
        self.path.pop()

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
