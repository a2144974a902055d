"""Contradictions inside EXIF: times, sizes and the small preview against the picture. Hints, never proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_DAY = timedelta(days=1)
_CLOCKS = timedelta(hours=15)
"""EXIF's times are local and GPS time is universal: they lie up to 14 hours apart."""
_MAX_ASPECT_RATIO = 1.1
_USUAL_ASPECTS = (4 / 3, 3 / 4)
"""Previews are 160 x 120 by the standard, whatever shape the picture has; black bars fill the rest."""


def time_of(text: str) -> datetime | None:
    """A time as EXIF writes it, None when it is none (EXIF knows no time zone here).

    Args:
        text: ``2021:01:31 10:00:00``.
    """
    try:
        found = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  (EXIF has no zone)
    except ValueError:
        return None
    return found if _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def time_faults(taken: str, digitised: str, changed: str, gps_date: str) -> Iterator[str]:
    """What cannot be true together, one sentence each.

    Args:
        taken: ``DateTimeOriginal``.
        digitised: ``DateTimeDigitized``.
        changed: ``DateTime``.
        gps_date: ``GPSDateStamp``.
    """
    original, last, scanned = time_of(taken), time_of(changed), time_of(digitised)
    if taken.strip() and original is None:
        yield "The time of capture is no time that a camera can have written."
    if original is None:
        return
    if last is not None and original - last > _DAY:
        yield "By these fields the picture was changed before it was taken."
    if scanned is not None and abs(original - scanned) > _DAY:
        yield "The times of capture and of digitising differ by more than a day: a scan, or a changed field."
    positioned = time_of(f"{gps_date} 12:00:00")
    if positioned is not None and abs(original - positioned) > _DAY + _CLOCKS:
        yield "The date of the position and the time of capture do not fit together."


def size_faults(
    stated: tuple[int, int] | None, actual: tuple[int, int] | None, preview: tuple[int, int] | None
) -> Iterator[str]:
    """What the sizes tell of later changes, one sentence each.

    Args:
        stated: width and height by EXIF.
        actual: width and height of the picture.
        preview: width and height of the small preview.
    """
    if actual is None or min(actual) < 1:
        return
    if stated is not None and min(stated) > 0 and sorted(stated) != sorted(actual):
        yield "The size in the camera fields is not that of the picture: it was cropped or resized afterwards."
    if preview is None or min(preview) < 1:
        return
    small, large = preview[0] / preview[1], actual[0] / actual[1]
    if any(abs(small - usual) < 0.03 for usual in _USUAL_ASPECTS):
        return
    if (
        max(small / large, large / small) > _MAX_ASPECT_RATIO
        and max(small * large, 1 / (small * large)) > _MAX_ASPECT_RATIO
    ):
        yield "The stored preview has another shape than the picture: it was cropped afterwards, or the preview is old."
