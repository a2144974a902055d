"""What XMP and IPTC fields declare: source type, credit line, AI system; all of it unsigned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength, Supports
from fakescan.evidence import iptc, shared
from fakescan.evidence.generators.names import names_a_generator
from fakescan.evidence.source_types import source_type
from fakescan.evidence.text import MAX_PROMPT_CHARS, cleaned
from fakescan.evidence.xmp import Property

_UNSIGNED = "Unsigned: anyone can write this into a file."
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_TERMS = "http://purl.org/dc/terms/"
_INGREDIENTS = frozenset({"Pantry", "Ingredients", "DerivedFrom", "Manifest"})
"""XMP keeps the metadata of pictures that were placed into this one."""

_AI_FIELDS = frozenset({"AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName"})
_MAKER = r"([\w.&'\u2019-]{1,30} ){0,3}"
# Ai is also a name of people: after "by" only AI in capitals, or all in small letters, is a machine.
_BY = rf"((with|using) {_MAKER}(ai|artificial intelligence)|by {_MAKER}((?-i:AI|ai)|artificial intelligence))"
_CREDIT_GENERATED = re.compile(
    rf"(made|created|generated|imagined|designed) {_BY}"
    r"|ai[ -]generated( image| picture| photo| content)?|(apple )?image playground|imagine with meta ai"
    r"|(mit|durch|von) (der )?ki (erstellt|generiert|erzeugt)|ki[ -]generiert(es bild)?"
    r"|(g\u00e9n\u00e9r\u00e9|cr\u00e9\u00e9|r\u00e9alis\u00e9)e? (par|avec) "
    r"(l['\u2019])?(ia|intelligence artificielle)"
    r"|(generad|cread|hech)[oa] (con|por|mediante) (ia|inteligencia artificial)"
    r"|(generat|creat|realizzat)[oa] (con|da) (l['\u2019])?(ia|intelligenza artificiale)"
    r"|(gerad|criad|feit)[oa] (com|por) (ia|intelig\u00eancia artificial)"
    r"|\u7531?(ai|\u4eba\u5de5\u667a\u80fd)\u751f\u6210(\u7684?(\u56fe\u7247|\u56fe\u50cf|\u5185\u5bb9))?",
    re.IGNORECASE,
)
_CREDIT_EDITED = re.compile(
    rf"(edited|modified|retouched|altered|enhanced) {_BY}"
    r"|ai[ -](edited|modified)( image| picture| photo)?|apple photos clean ?up",
    re.IGNORECASE,
)
_CREDIT_TOOL = re.compile(
    r"(?P<how>made|created|generated|imagined|designed|edited|modified) (with|by|using|in) (?P<tool>.{2,80})",
    re.IGNORECASE,
)
_TOOLS_HERE = frozenset({"gemini", "firefly", "grok", "imagen", "copilot", "sora"})
"""Names that are also those of other things, but not behind "made with"."""
_EDITING = frozenset({"edited", "modified"})
_CONTEXT = {
    (_XMP, "CreatorTool"): "The program that last wrote the picture, by its own account.",
    (_XMP, "CreateDate"): "When the picture was made, by its own account.",
    (_XMP, "ModifyDate"): "When the picture was last changed, by its own account.",
    (_PHOTOSHOP, "Credit"): "The credit line.",
    (_PHOTOSHOP, "Source"): "The original owner, by the metadata.",
    (_DUBLIN_CORE, "creator"): "The author, by the metadata.",
    (_DUBLIN_CORE, "rights"): "The copyright notice.",
    (_TIFF, "Make"): "Maker of the device, in XMP.",
    (_TIFF, "Model"): "Model of the device, in XMP.",
}
_IPTC_CONTEXT = {"Credit": "The credit line.", "Byline": "The author, by the metadata.", "Source": "The source."}
_PLATFORM = re.compile(r"FBMD[0-9a-f]{8,}")
_MAX_ROWS = 60


class DeclaredReader:
    """Reads XMP and IPTC."""

    name = "xmp"

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """Declarations in a file.

        Args:
            file: the file; its media type tells the container.
            data: its bytes.
        """
        try:
            properties, damaged = shared.properties(file, data)
            blocks = shared.metadata(file, data).iptc
            found = list(self._once([*self._from_xmp(properties), *self._from_iptc(blocks)]))
            if damaged:
                note = "A block of XMP metadata is damaged, or built to do harm, and was not read."
                found.append(self._said(EvidenceStatus.FAILED, note))
            return found or [self._said(EvidenceStatus.SILENT, "The file declares nothing in XMP or IPTC fields.")]
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The XMP or IPTC metadata is damaged.")]

    def _from_xmp(self, properties: Sequence[Property]) -> Iterator[Evidence]:
        stated = [item for item in properties if _is_source_type(item)]
        whole = [found for item in stated if not item.within and (found := source_type(item.value))]
        edited = any(found.supports is Supports.EDITED for found in whole) and not any(
            found.supports is Supports.FAKE for found in whole
        )
        for item in stated:
            yield self._source_type(item)
        yield from self._history(properties)
        for item in properties:
            value = cleaned(item.value, MAX_PROMPT_CHARS)
            if item.namespace.startswith(_IPTC_EXT) and item.name in _AI_FIELDS and not item.within:
                supports = Supports.EDITED if edited else Supports.FAKE
                note = f"A field for pictures that an AI system made or edited is filled in. {_UNSIGNED}"
                yield Evidence(self.name, item.name, value, supports, Strength.UNSIGNED, note=note)
            elif (item.namespace, item.name) in _CONTEXT and not item.within:
                credited = self._credit(item.value) if item.name == "Credit" else None
                yield credited or Evidence(self.name, item.name, value, note=_CONTEXT[item.namespace, item.name])
            elif points_elsewhere(item):
                note = "An address where Content Credentials may lie. It was not opened: a scan never uses the network."
                yield Evidence(self.name, "provenance address", value, note=note)

    def _source_type(self, item: Property) -> Evidence:
        found = source_type(item.value)
        value = cleaned(item.value)
        if found is None:
            return Evidence(self.name, "DigitalSourceType", value, note="A source type that is on no list.")
        if item.within:
            note = f"A picture that was placed into this one is declared to be {found.says}. {_UNSIGNED}"
            supports = Supports.EDITED if found.supports in (Supports.FAKE, Supports.EDITED) else Supports.NONE
            return Evidence(self.name, "DigitalSourceType of a part", value, supports, Strength.WEAK, note=note)
        note = f"The metadata declares it to be {found.says}. {_UNSIGNED}"
        strength = Strength.WEAK if found.supports is Supports.REAL else Strength.UNSIGNED
        if found.supports is Supports.NONE:
            strength = Strength.CONTEXT
        return Evidence(self.name, "DigitalSourceType", value, found.supports, strength, note=note)

    def _credit(self, text: str) -> Evidence | None:
        words = " ".join(text.split())
        for pattern, supports, says in (
            (_CREDIT_GENERATED, Supports.FAKE, "AI made it"),
            (_CREDIT_EDITED, Supports.EDITED, "it was edited with AI"),
        ):
            if pattern.fullmatch(words.rstrip(".")):
                note = f"The credit line says that {says}. {_UNSIGNED}"
                return Evidence(self.name, "Credit", cleaned(text), supports, Strength.UNSIGNED, note=note)
        told = _CREDIT_TOOL.fullmatch(words.rstrip("."))
        if told and (names_a_generator(told["tool"]) or told["tool"].lower() in _TOOLS_HERE):
            supports = Supports.EDITED if told["how"].lower() in _EDITING else Supports.FAKE
            note = f"The credit line names an image generator as the tool. {_UNSIGNED}"
            return Evidence(self.name, "Credit", cleaned(text), supports, Strength.UNSIGNED, note=note)
        if names_a_generator(words):
            # The maker of a generator also hands out photographs, of its people and its buildings.
            note = "The credit line is the name of an image generator or of its maker. It may mean either."
            return Evidence(self.name, "Credit", cleaned(text), Supports.FAKE, Strength.WEAK, note=note)
        return None

    def _history(self, properties: Sequence[Property]) -> Iterator[Evidence]:
        """The programs that worked on the picture one after the other; the first is the one that made it."""
        agents = [item.value for item in properties if item.name == "softwareAgent" and item.within == "History"]
        for number, agent in enumerate(agents[:_MAX_ROWS]):
            if names_a_generator(agent):
                supports = Supports.EDITED if number else Supports.FAKE
                what = "worked on" if number else "made"
                note = f"By the history in the metadata an image generator {what} this picture. {_UNSIGNED}"
                yield Evidence(self.name, "History", cleaned(agent), supports, Strength.UNSIGNED, note=note)
                return

    def _from_iptc(self, blocks: Sequence[bytes]) -> Iterator[Evidence]:
        for block in blocks:
            for name, text in iptc.fields(block):
                if name == "SpecialInstructions" and _PLATFORM.match(text):
                    note = "A code that Facebook and Instagram write when they re-encode a picture."
                    yield Evidence(self.name, "re-encoded by", cleaned(text, 40), note=note)
                elif name in _IPTC_CONTEXT:
                    credited = self._credit(text) if name == "Credit" else None
                    yield credited or Evidence(self.name, name, cleaned(text), note=_IPTC_CONTEXT[name])

    def _once(self, found: Sequence[Evidence]) -> Iterator[Evidence]:
        """Each finding once: XMP and IPTC repeat each other. What speaks for a side is never cut off."""
        told: set[tuple[str, str]] = set()
        context = 0
        for item in found:
            if (item.name, item.value) in told:
                continue
            told.add((item.name, item.value))
            if item.supports is Supports.NONE:
                context += 1
                if context > _MAX_ROWS:
                    continue
            yield item

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "XMP and IPTC", "", status=status, note=note)


def _is_source_type(item: Property) -> bool:
    # The second is the name that the property had in drafts, and that some programs still write.
    names = ("digitalsourcetype", "digitalsourcefiletype")
    return item.name.lower() in names and item.namespace.startswith(_IPTC_EXT)


def points_elsewhere(item: Property) -> bool:
    """Whether a property names an address outside the file where Content Credentials lie.

    Args:
        item: a property of XMP.
    """
    return (item.namespace, item.name) == (_TERMS, "provenance") and not item.value.startswith("self#")
