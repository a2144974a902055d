"""Marks that image generators leave in files: prompts, workflows, labels; all of it unsigned and easily added.

One file a family. A mark counts when the text is built as the tool builds it and stands where the tool puts it. A name
alone ("Midjourney" in a caption, a photographer called Grok) is no mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength
from fakescan.evidence import shared
from fakescan.evidence.generators import a1111, comfyui, labels, mochi, names, novelai, samsung, settings
from fakescan.evidence.generators.mark import MAX_TEXT_CHARS, Mark, Text
from fakescan.evidence.generators.texts import texts_of
from fakescan.evidence.text import MAX_PROMPT_CHARS, cleaned

_IN_TEXTS: tuple[Callable[[Text], Iterator[Mark]], ...] = (
    a1111.find,
    comfyui.find,
    settings.find,
    mochi.find,
    novelai.find,
    labels.midjourney,
    labels.grok,
    labels.aigc,
    labels.hugging_face,
    names.find,
)
_IN_FIELDS: tuple[Callable[[Sequence[Text]], Iterator[Mark]], ...] = (
    novelai.find_in_fields,
    settings.find_in_fields,
)
_DETAIL_NOTE = "Made out of the mark above."


class GeneratorsReader:
    """Reads the marks of generators out of every text field of a file."""

    name = "generators"

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """Marks of generators in a file.

        Args:
            file: the file; its media type tells the container.
            data: its bytes.
        """
        try:
            metadata = shared.metadata(file, data)
            xmp, _ = shared.properties(file, data)
            found = list(evidence_of(self.name, marks_of(texts_of(metadata, xmp))))
            found += evidence_of(self.name, samsung.find(data))
            unread = [
                self._said(EvidenceStatus.FAILED, f"Not read: {what}.") for what in dict.fromkeys(metadata.unread)
            ]
            silent = self._said(EvidenceStatus.SILENT, "No mark of an image generator was found in the file.")
            return [*found, *unread] or [silent]
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The metadata is damaged.")]

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "marks of generators", "", status=status, note=note)


def marks_of(texts: Sequence[Text]) -> Iterator[Mark]:
    """Every mark in the texts of one file, each sort once.

    Args:
        texts: the file's texts, in order.
    """
    told: set[str] = set()
    bearable = [text for text in texts if len(text.text) <= MAX_TEXT_CHARS]
    for mark in _all_marks(bearable):
        if mark.name not in told:
            told.add(mark.name)
            yield mark


def evidence_of(reader: str, marks: Iterator[Mark]) -> Iterator[Evidence]:
    """Rows of the evidence table: each mark, and below it what could be made out of it.

    Args:
        reader: name of the reader that found them.
        marks: the marks.
    """
    for mark in marks:
        value = cleaned(mark.value, MAX_PROMPT_CHARS)
        yield Evidence(reader, mark.name, value, mark.supports, mark.strength, note=mark.note)
        for name, detail in mark.details:
            yield Evidence(reader, name, cleaned(detail), strength=Strength.CONTEXT, note=_DETAIL_NOTE)


def _all_marks(texts: Sequence[Text]) -> Iterator[Mark]:
    for text in texts:
        for find in _IN_TEXTS:
            yield from find(text)
    for find_all in _IN_FIELDS:
        yield from find_all(texts)
