"""What checks need of a whole picture, taken while it is there: the model keeps little more than a stamp of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fakescan.core.views import Views
from fakescan.intake.decode import DecodedImage
from fakescan.intake.encodings import encoded_anew
from fakescan.intake.measures import Measures, measure


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to take of each picture."""

    encodings: int = 0
    """How many other encodings of it will be scored."""
    measures: bool = False
    """Whether sentences about it will be held against its pixels."""

    def __bool__(self) -> bool:
        """Whether the whole picture is needed at all."""
        return bool(self.encodings) or self.measures


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was taken of a picture."""

    size_px: tuple[int, int]
    """Width and height of the picture that views were cut from."""
    measures: Measures | None = None
    """Its numbers, where they were wanted."""
    others: tuple[tuple[str, DecodedImage], ...] = ()
    """Its other encodings, seen through the model's views; empty where the model wants whole pictures (``others_of``
    then makes them one by one, so that few are held)."""


def prepare(image: DecodedImage, wanted: Wanted, views: Views | None) -> tuple[DecodedImage, Prepared]:
    """Take what is wanted, and keep nothing but the views of the rest.

    Args:
        image: a whole picture.
        wanted: what to take.
        views: what the model sees of a picture; None: all of it.
    """
    whole = image.image
    prepared = Prepared(
        size_px=whole.size,
        measures=measure(whole, (image.width_px, image.height_px)) if wanted.measures else None,
        others=tuple(others_of(image, wanted.encodings, views)) if views is not None else (),
    )
    return image if views is None else image.seen_through(views), prepared


def others_of(image: DecodedImage, count: int, views: Views | None) -> Iterator[tuple[str, DecodedImage]]:
    """A whole picture encoded anew.

    Args:
        image: a whole picture.
        count: in how many ways.
        views: what is kept of each; None: all of it.

    Yields:
        What was done, in words, and the picture.
    """
    for words, other in encoded_anew(image.image, count):
        anew = replace(image, image=other, width_px=other.width, height_px=other.height)
        yield words, anew if views is None else anew.seen_through(views)
