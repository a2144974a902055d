"""A page that shows images with their labels and texts: what one looks at before training on them."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from fakescan.core.records import Failure
from fakescan_trainer.data.facts import Reencoder
from fakescan_trainer.data.markup import element, page
from fakescan_trainer.data.samples import Sample, label_name

SIDE_PX = 320
"""Longest side of a picture on the page."""


def drawn(samples: Sequence[Sample], limit: int, seed: int) -> list[Sample]:
    """Samples drawn at random, in the order of the list; all when there are no more than that.

    Args:
        samples: of the whole set.
        limit: how many.
        seed: another one draws others.
    """
    if len(samples) <= limit:
        return list(samples)
    places = random.Random(seed).sample(range(len(samples)), limit)  # noqa: S311 -- nothing secret about it
    return [samples[at] for at in sorted(places)]


def preview_page(samples: Iterable[Sample], pictures: Reencoder, title: str, note: str) -> str:
    """The page. Pictures are encoded anew, so that it carries no metadata of the files.

    Args:
        samples: what is shown.
        pictures: makes the copies.
        title: of the page.
        note: a line under the title.
    """
    return page(title, element("p", note, class_="note"), *(_article(sample, pictures) for sample in samples))


def _article(sample: Sample, pictures: Reencoder) -> Element:
    copy = pictures.jpeg(sample.image)
    if isinstance(copy, Failure):
        picture = element("p", f"Cannot be shown: {copy.message}", class_="missing")
    else:
        address = f"data:image/jpeg;base64,{base64.b64encode(copy).decode('ascii')}"
        picture = element("img", src=address, alt=sample.caption or "no caption")
    facts = element("dl")
    about = [("Label", label_name(sample.label)), ("Source", sample.source), ("Generator", sample.generator)]
    about += [("Split", sample.split), ("Caption", sample.caption), ("Reasoning", sample.reasoning)]
    about += list((sample.attributes or {}).items())
    for name, text in about:
        if text:
            facts.append(element("dt", name))
            facts.append(element("dd", text))
    return element("article", element("div", picture), element("div", element("h2", sample.image), facts))
