"""What a set's files are, apart from what they show: digest, perceptual hash, format, size. Examined behind a wall."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from fakescan.core.records import Failure
from fakescan.intake.discover import Found
from fakescan.intake.limits import Limits
from fakescan.intake.pool import DecodePool

_HASHED_PX = 64
"""The picture itself is not needed: so little of it is brought back from the decoding process."""
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Facts:
    """A file that could be opened."""

    sha256: str
    """Digest of its bytes, lower-case hex."""
    size_bytes: int
    """How many bytes."""
    media_type: str
    """IANA media type by signature."""
    width_px: int
    """Width the right way up."""
    height_px: int
    """Height the right way up."""
    phash: str | None
    """Perceptual hash; None for a picture that is too plain to have one."""


Told = Callable[[int, int], None]
"""Called with how many files are done and how many there are."""


def facts_of(
    root: Path, images: Iterable[str], *, workers: int = 2, told: Told | None = None
) -> dict[str, Facts | Failure]:
    """Open every image once.

    Args:
        root: folder that paths are relative to.
        images: paths; each is opened once.
        workers: decoding processes.
        told: progress.

    Returns:
        Facts of each image, or why it has none, in the order of the images.
    """
    wanted = list(dict.fromkeys(images))
    found: dict[str, Facts | Failure] = {}
    limits = Limits(max_short_side_px=_HASHED_PX)
    with DecodePool(workers, limits) as pool, ThreadPoolExecutor(workers) as threads:
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            for image, facts in zip(some, threads.map(lambda name: _facts(pool, root, name), some), strict=True):
                found[image] = facts
                if told:
                    told(len(found), len(wanted))
    return found


def _facts(pool: DecodePool, root: Path, image: str) -> Facts | Failure:
    examined = pool.examine(Found(image, root / image, by_hand=True))
    record = examined.record
    if examined.failure is not None or record.width_px is None or record.height_px is None:
        return examined.failure or Failure("decode", "damaged", "the picture could not be decoded", "")
    file = record.file
    return Facts(file.sha256, file.size_bytes, file.media_type or "", record.width_px, record.height_px, record.phash)


class Reencoder:
    """Small copies of a set's pictures: pixels alone, without a byte of the files and so without their metadata."""

    def __init__(self, root: Path, max_side_px: int, *, workers: int = 1, quality: int = 90) -> None:
        """Nothing is started before the first picture is asked for.

        Args:
            root: folder that paths are relative to.
            max_side_px: longest side of a copy; pictures are never enlarged.
            workers: decoding processes.
            quality: JPEG quality.
        """
        self._root, self._side, self._quality = root, max_side_px, quality
        self._pool = DecodePool(workers, Limits(max_short_side_px=max_side_px))
        self._pool.kinds = False

    def jpeg(self, image: str) -> bytes | Failure:
        """A JPEG of the picture, or why there is none. Safe to call from several threads.

        Args:
            image: path relative to the root.
        """
        decoded = self._pool.decode(self._root / image, name=image)
        if isinstance(decoded, Failure):
            return decoded
        copy = Image.frombytes("RGB", decoded.image.size, decoded.image.tobytes())
        copy.thumbnail((self._side, self._side), Image.Resampling.LANCZOS)
        out = BytesIO()
        copy.save(out, "JPEG", quality=self._quality)
        return out.getvalue()

    def many(self, images: Iterable[str]) -> Iterator[tuple[str, bytes | Failure]]:
        """Copies one by one.

        Args:
            images: paths relative to the root.
        """
        for image in images:
            yield image, self.jpeg(image)

    def close(self) -> None:
        """End the decoding processes."""
        self._pool.close()

    def __enter__(self) -> Reencoder:
        """Itself."""
        return self

    def __exit__(self, *fault: object) -> None:
        """End the decoding processes."""
        self.close()
