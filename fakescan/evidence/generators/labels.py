"""Labels of services: Midjourney's job number, Grok's signature, China's AIGC label, Hugging Face's job number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakescan.core.records import Strength
from fakescan.evidence.generators.mark import UNSIGNED, Mark, Text, json_object, plain_keys

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_JOB = re.compile(rf"\bJob ID: {_UUID}\b", re.IGNORECASE)
_CAPTIONS = frozenset({"description", "imagedescription", "caption", "usercomment", "comment"})
_SIGNATURE = re.compile(r"Signature: [A-Za-z0-9+/=]{200,2000}\s{0,9}\Z")
_AIGC = re.compile(r"\s{0,8}AIGC\s{0,8}[:=]?\s{0,8}(?=\{)")
_FIELDS = frozenset({"label", "contentproducer", "produceid"})
_AIGC_NOTES = {
    "1": "A label by the Chinese standard on AI content (TC260) declares it AI-generated.",
    "2": "A label by the Chinese standard on AI content (TC260) declares it possibly AI-generated.",
    "3": "A label by the Chinese standard on AI content (TC260), set by a platform, suspects it to be AI-generated.",
}
_TAIL_CHARS = 50_000


def midjourney(text: Text) -> Iterator[Mark]:
    """Prompt and job number in a caption.

    Args:
        text: one text of the file.
    """
    tail = text.text[-_TAIL_CHARS:]
    found = _JOB.search(tail) if text.keyword.lower() in _CAPTIONS else None
    if found:
        note = f"Prompt and job number in the form of the generator Midjourney. {UNSIGNED}"
        prompt = tail[: found.start()].strip()
        yield Mark("job number", note, text.text, details=(("Prompt", prompt),) if prompt else ())


def grok(text: Text) -> Iterator[Mark]:
    """A long signature in a caption.

    Args:
        text: one text of the file.
    """
    if text.keyword in ("ImageDescription", "UserComment") and _SIGNATURE.match(text.text):
        note = "A long code in the form that the generator Grok writes; other programs may write such codes too."
        yield Mark("signature-like field", note, text.text, Strength.WEAK)


def aigc(text: Text) -> Iterator[Mark]:
    """The label of GB 45438-2025 (TC260): Doubao, Jimeng, Kling and all services in China.

    Args:
        text: one text of the file.
    """
    prefix = _AIGC.match(text.text)
    found = json_object(text.text[prefix.end() :] if prefix else text.text)
    inner = next((value for name, value in found.items() if name.upper() == "AIGC"), None)
    inner = json_object(inner) if isinstance(inner, str) else inner
    if isinstance(inner, dict):
        found = inner
    values = plain_keys(found)
    # Without the standard's name, several of the standard's own fields together.
    if not isinstance(inner, dict) and not prefix and text.keyword.upper() != "AIGC" and not values.keys() >= _FIELDS:
        return
    note = _AIGC_NOTES.get(str(values.get("label", "")))
    if note is not None:
        producer = str(values.get("contentproducer") or "")
        yield Mark("AIGC label", f"{note} {UNSIGNED}", text.text, details=(("Producer", producer),) if producer else ())


def hugging_face(text: Text) -> Iterator[Mark]:
    """The number of a job on Hugging Face, which need not have generated anything.

    Args:
        text: one text of the file.
    """
    if text.keyword.lower() == "hf-job-id" and text.text.strip():
        note = "The number of a job on Hugging Face, where pictures are often generated, but not only that."
        yield Mark("job number of a service", note, text.text, Strength.WEAK)
