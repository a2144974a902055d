"""From the REASONING stage to statements: which forgery attribute a sentence speaks of, and for which side.

Words, not understanding: a sentence is told by the attribute's name, else by words that go with it. What fits nothing
keeps no attribute, and a sentence whose words take no side argues for the side that the whole text explains.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from fakescan.core.answer import concluded
from fakescan.core.attributes import FAKE_ATTRIBUTES, REAL_ATTRIBUTES
from fakescan.core.records import Label, Prediction, Stage

MOST_SENTENCES = 16
"""More than a text of the usual length has; what follows is not checked."""


class Quantity(StrEnum):
    """What can be measured in the whole picture without a model."""

    RESOLUTION = "resolution"
    SHARPNESS = "sharpness"
    NOISE = "noise"
    SATURATION = "saturation"
    BRIGHTNESS = "brightness"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Stated:
    """A quantity that a sentence says is high or low."""

    quantity: Quantity
    """Which."""
    high: bool
    """Whether much of it is claimed; else little or none."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the reasoning, as it stands there."""

    text: str
    """The sentence."""
    place: int = 0
    """Which of ``sentences_of`` the stage it is, from 0 on."""
    attribute: str = ""
    """The paper's attribute, or empty."""
    speaks_for: Label | None = None
    """The side that it argues for."""
    stated: tuple[Stated, ...] = ()
    """What it says of the whole picture that can be measured."""
    verdict: Label | None = None
    """The side, where the sentence is no observation but a verdict ("Therefore, this image is fake.")."""


_AFTER_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_PERSPECTIVE = re.compile(r"^\s*from (low|high)-level perspective\s*[:,]\s*", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(no|not|without|lacks?|lacking|free of|never|nor|hardly any|any|isn't|aren't)\s+(\w+[ -]){0,2}$"
)

_TOPICS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(light(ing|s|ed)?|lit|shadow\w*|shad(e|es|ing)|highlights?|reflect\w*|illuminat\w*|sun(light)?|lamps?)\b",
        r"\b(edges?|outlin\w*|contours?|boundar\w*|borders?|silhouettes?|rims?|fingers?)\b",
        r"\b(textur\w*|skin|surfaces?|fabric|fur|pattern\w*|smear\w*|waxy|plastic|poreless|wood|weave)\b",
        r"\b(quality|resolution|blur\w*|sharp\w*|nois[ey]\w*|grain\w*|pixelat\w*|compress\w*|artifacts?|artefacts?|"
        r"crisp\w*|focus\w*|exposure|contrast|(de|over)?saturat\w*)\b",
        r"\b(semantic\w*|logic\w*|illogical\w*|plausib\w*|implausib\w*|impossibl\w*|anatom\w*|makes? (no )?sense|"
        r"physical\w*|meaningless|gibberish|nonsens\w*|context\w*|believab\w*)\b",
    )
)
"""Words of the five attributes, in the paper's order."""
_AGAINST = re.compile(
    r"\b(inconsisten\w*|irregular\w*|anomal\w*|unnatural\w*|unrealistic\w*|distort\w*|deform\w*|warp\w*|melt\w*|"
    r"merg\w*|dissolv\w*|smear\w*|smudg\w*|blurry|pixelat\w*|illogical\w*|irrational\w*|implausib\w*|impossibl\w*|"
    r"meaningless|gibberish|nonsens\w*|artificial\w*|waxy|poreless|plastic|overly smooth|too smooth|low[- ]quality|"
    r"low image quality|broken|floating|artifacts?|artefacts?|makes? no sense|mismatch\w*)\b",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"\b(consisten\w*|natural\w*|realistic\w*|plausib\w*|believab\w*|coheren\w*|rational\w*|logical\w*|high[- ]quality|"
    r"high image quality|crisp\w*|well[- ]defined|authentic\w*|true to life|lifelike)\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(images?|pictures?|photos?|photographs?|overall|whole|entire|quality|resolution)\b", re.IGNORECASE
)
_STATED: tuple[tuple[Quantity, bool, re.Pattern[str]], ...] = tuple(
    (quantity, high, re.compile(pattern, re.IGNORECASE))
    for quantity, high, pattern in (
        (Quantity.RESOLUTION, True, r"\bhigh[- ]resolution\b|\bresolution is (very )?high\b"),
        (Quantity.RESOLUTION, False, r"\blow[- ]resolution\b|\bresolution is (very )?low\b|\bpixelated\b"),
        (Quantity.SHARPNESS, True, r"\bsharp(ly|ness)?\b|\bcrisp(ly|ness)?\b|\bin focus\b"),
        (Quantity.SHARPNESS, False, r"\bblur(ry|red|riness)\b|\bout of focus\b|\bunsharp\b"),
        (Quantity.NOISE, True, r"\bnois(e|y)\b|\bgrain(y)?\b"),
        (Quantity.NOISE, False, r"\bnoise[- ]free\b"),
        (Quantity.SATURATION, True, r"\b(over)?saturated\b|\bvivid colou?rs?\b|\bvibrant\b"),
        (Quantity.SATURATION, False, r"\b(desaturated|muted|washed[- ]out|monochrome|black[- ]and[- ]white)\b"),
        (Quantity.BRIGHTNESS, True, r"\b(very |too )?bright(ly)?\b|\boverexposed\b"),
        (Quantity.BRIGHTNESS, False, r"\b(very |too )?dark\b|\bunderexposed\b|\bdimly\b"),
        (Quantity.TEXT, True, r"\b(text|lettering|letters|writing|captions?|watermarks?)\b"),
    )
)  # fmt: skip


def statements_of(prediction: Prediction) -> tuple[Statement, ...]:
    """The sentences of a REASONING stage, in order; at most ``MOST_SENTENCES``.

    Args:
        prediction: what the model said.
    """
    texts = {stage.stage: stage.text for stage in prediction.stages}
    explained = prediction.steered_to or concluded(texts.get(Stage.CONCLUSION, ""))
    found, high_level = [], False
    for place, sentence in enumerate(sentences_of(texts.get(Stage.REASONING, ""))):
        opening = _PERSPECTIVE.match(sentence)
        if opening:
            high_level = opening[1].lower() == "high"
            sentence = sentence[opening.end() :]
        if re.search(r"\w", sentence):
            found.append(replace(statement_of(sentence, explained, high_level=high_level), place=place))
    return tuple(found[:MOST_SENTENCES])


def sentences_of(text: str) -> list[str]:
    """A text cut at its full stops; joined with blanks it says the same.

    Args:
        text: any text.
    """
    return [sentence for sentence in _AFTER_SENTENCE.split(text.strip()) if sentence]


def statement_of(sentence: str, explained: Label | None, *, high_level: bool = False) -> Statement:
    """What a sentence speaks of.

    Args:
        sentence: as it stands in the text.
        explained: the side that the whole text argues for, or None.
        high_level: whether it stands in the part "from high-level perspective".
    """
    verdict = concluded(sentence)
    if verdict is not None:
        return Statement(sentence, speaks_for=verdict, verdict=verdict)
    named = next((name for name in (*FAKE_ATTRIBUTES, *REAL_ATTRIBUTES) if name.lower() in sentence.lower()), "")
    if named:
        side = Label.FAKE if named in FAKE_ATTRIBUTES else Label.REAL
        return Statement(sentence, attribute=named, speaks_for=side, stated=stated_in(sentence))
    side_of_words = _side(sentence) or explained
    topic = _topic(sentence, high_level=high_level)
    attribute = ""
    if topic is not None and side_of_words is not None:
        attribute = (FAKE_ATTRIBUTES if side_of_words is Label.FAKE else REAL_ATTRIBUTES)[topic]
    return Statement(sentence, attribute=attribute, speaks_for=side_of_words, stated=stated_in(sentence))


def stated_in(sentence: str) -> tuple[Stated, ...]:
    """What a sentence says of the whole picture that can be measured; nothing where it speaks of a part of it.

    Args:
        sentence: as it stands in the text.
    """
    found: dict[Quantity, Stated] = {}
    for quantity, high, pattern in _STATED:
        match = pattern.search(sentence)
        if match and (quantity is Quantity.TEXT or _WHOLE.search(sentence)):
            found.setdefault(quantity, Stated(quantity, high is not _negated(sentence, match.start())))
    return tuple(found.values())


def _topic(sentence: str, *, high_level: bool) -> int | None:
    """Place of the attribute in the paper's list."""
    if high_level:
        return len(_TOPICS) - 1
    hits = [len(pattern.findall(sentence)) for pattern in _TOPICS]
    return hits.index(max(hits)) if max(hits) else None


def _side(sentence: str) -> Label | None:
    """The side that the words take; None where they take none, or both alike."""
    score = 0
    for pattern, sign in ((_AGAINST, 1), (_FOR, -1)):
        for match in pattern.finditer(sentence):
            score += -sign if _negated(sentence, match.start()) else sign
    return None if score == 0 else Label.FAKE if score > 0 else Label.REAL


def _negated(sentence: str, place: int) -> bool:
    return bool(_NEGATION.search(sentence[:place].lower()))
