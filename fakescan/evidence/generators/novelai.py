"""NovelAI: several fields together, in PNG texts, in one JSON object, or hidden in the transparency of the pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fakescan.evidence.generators.mark import UNSIGNED, Mark, Text, details_of, json_object, plain_keys

_NAMES = {"Prompt": ("prompt",), "Seed": ("seed",)}


def find_in_fields(texts: Sequence[Text]) -> Iterator[Mark]:
    """The mark in the fields of a file.

    Args:
        texts: the file's texts.
    """
    yield from of_fields({text.keyword: text.text for text in reversed(texts)})


def find(text: Text) -> Iterator[Mark]:
    """The mark in a text that holds all the fields.

    Args:
        text: one text of the file.
    """
    found = json_object(text.text)
    yield from of_fields({name: value for name, value in found.items() if isinstance(value, str)})


def of_fields(fields: Mapping[str, str]) -> Iterator[Mark]:
    """The mark in named fields.

    Args:
        fields: text by name; of interest are ``Software``, ``Source``, ``Description`` and ``Comment``.
    """
    settings = plain_keys(json_object(fields.get("Comment", "")))
    if not fields.get("Software", "").startswith("NovelAI") or not settings.keys() & {"sampler", "steps", "uc"}:
        return
    details = dict(details_of(settings, _NAMES))
    details.setdefault("Prompt", fields.get("Description", ""))
    details["Model"] = fields.get("Source", "")
    note = f"Prompt and settings of the image generator NovelAI. {UNSIGNED}"
    known = tuple((name, value) for name, value in details.items() if value)
    yield Mark("NovelAI fields", note, fields["Comment"], details=known)
