"""Small previews of the examined files, re-encoded from their pixels: no byte of an original goes into a report.

Only files that were assessed are opened, and only while their bytes still have the digest that was examined, so that
a report never shows another picture than the one that it speaks about. What cannot be opened has no preview.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from fakescan.core.records import Assessed, ImageResult, Scan
from fakescan.intake.identify import HEAD_BYTES, identify
from fakescan.reports.order import by_attention
from fakescan.reports.previews import Previews

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PX = 320
"""Longest side of a preview in pixels."""
LARGE_PX = ((60, 960), (400, 560))
"""Up to so many images, previews may be as large as this: a report of a few pictures is looked at closely."""
MAX_COUNT = 2_000
"""Previews in one file; beyond, only the results that need attention first have one."""
MAX_COUNT_BESIDE = 50_000
"""Previews in a folder beside the page."""
_AT_ONCE = 64
_MAX_FILE_BYTES = 512 * 2**20
_MAX_PIXELS = 100_000_000
_MANY_PIXELS = 16_000_000
"""Pictures with more are decoded one after the other: four of the largest at once would take four gigabytes."""
_ONE_AT_A_TIME = Lock()
_MAX_EMBEDDED_BYTES = 256 * 1024
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JXL")
_QUALITY = 72
_PAPER_QUALITY = 85


def make_thumbnails(
    scan: Scan, *, root: Path | None = None, max_px: int | None = None, max_count: int = MAX_COUNT
) -> Previews:
    """Previews by path, as recorded in the scan; files that are gone, changed or not decodable are left out.

    Args:
        scan: the scan whose files are wanted.
        root: the folder that paths are relative to; the scan's own when None.
        max_px: longest side in pixels; None: larger when there are few images.
        max_count: at most so many, those that need attention first.

    Returns:
        The previews, in a temporary file: close them when they are no longer needed.
    """
    base = Path(scan.root) if root is None else root
    wanted = [result for result in by_attention(scan.results) if isinstance(result.outcome, Assessed)][:max_count]
    side = max_px or next((pixels for most, pixels in LARGE_PX if len(scan.results) <= most), MAX_PX)
    previews = Previews()
    with _quiet(), ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            for result, data in zip(some, pool.map(lambda result: _of_result(result, base, side), some), strict=True):
                if data is not None:
                    previews.add(result.record.file.path, data)
    return previews


def thumbnail(data: bytes, max_px: int = MAX_PX) -> bytes:
    """Decode a picture, scale it down and encode it anew (WebP, or JPEG where Pillow lacks WebP).

    Args:
        data: bytes of an image file.
        max_px: longest side in pixels.

    Raises:
        ValueError: when it has too many pixels.
        OSError: when it cannot be decoded.
    """
    from PIL import Image, ImageOps, features

    Image.init()
    identify(data[:HEAD_BYTES])  # which loads the decoder of an extra, where the picture needs it
    # A Pillow that was built without one of them would raise on its name.
    known = [name for name in _FORMATS if name in Image.OPEN]
    with Image.open(BytesIO(data), formats=known) as opened:
        if opened.width * opened.height > _MAX_PIXELS:
            raise ValueError("too many pixels for a preview")
        opened.draft("RGB", (max_px, max_px))
        # Made small before it is turned: turning copies.
        opened.thumbnail((max_px, max_px), Image.Resampling.BICUBIC)
        plain = _opaque(ImageOps.exif_transpose(opened))
    out = BytesIO()
    if features.check("webp"):
        plain.save(out, "WEBP", quality=_QUALITY, method=2)
    else:
        plain.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()


def as_jpeg(picture: bytes) -> bytes:
    """A preview as JPEG, which a PDF holds as it is; of other formats it holds every pixel, six times as large.

    Args:
        picture: bytes of a preview.
    """
    from PIL import Image

    if media_type_of(picture) != "image/webp":
        return picture
    out = BytesIO()
    with Image.open(BytesIO(picture), formats=["WEBP"]) as opened:
        opened.convert("RGB").save(out, "JPEG", quality=_PAPER_QUALITY, optimize=True)
    return out.getvalue()


def data_address(picture: bytes) -> str | None:
    """A ``data:`` address for a preview, or None for anything but a small JPEG or WebP.

    Args:
        picture: bytes of a preview.
    """
    media_type = media_type_of(picture)
    if media_type is None:
        return None
    return f"data:{media_type};base64,{base64.b64encode(picture).decode('ascii')}"


def media_type_of(picture: bytes) -> str | None:
    """The type of a preview that may go into a report: a small JPEG or WebP; None for anything else.

    Args:
        picture: bytes of a preview.
    """
    if len(picture) > _MAX_EMBEDDED_BYTES:
        return None
    if picture[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    return "image/webp" if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" else None


def data_addresses(thumbnails: Mapping[str, bytes] | None) -> dict[str, str]:
    """``data:`` addresses by path, of those that may be embedded.

    Args:
        thumbnails: previews by path.
    """
    pairs = ((path, data_address(picture)) for path, picture in (thumbnails or {}).items())
    return {path: address for path, address in pairs if address is not None}


def _of_result(result: ImageResult, base: Path, max_px: int) -> bytes | None:
    """The preview of one file, None when there is none to be had."""
    file = result.record.file
    try:
        data = _read(base / file.path)
        if data is None or hashlib.sha256(data).hexdigest() != file.sha256:
            return None
        pixels = (result.record.width_px or 0) * (result.record.height_px or 0)
        with _ONE_AT_A_TIME if pixels > _MANY_PIXELS else nullcontext():
            return thumbnail(data, max_px)
    except Exception:  # a hostile file can raise anything in a decoder; the report then shows a placeholder
        return None


def _read(path: Path) -> bytes | None:
    """Bytes of a regular file of bearable size; never opens a device or a pipe."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_FILE_BYTES:
        return None
    return path.read_bytes()


def _opaque(picture: Image) -> Image:
    """The picture in RGB: transparency over white, 16 bits scaled down."""
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        low, high = picture.getextrema()
        span = (float(high) - float(low)) or 1.0  # type: ignore[arg-type]  # one band: two numbers
        return picture.convert("F").point(lambda value: (value - low) * (255.0 / span)).convert("L").convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return picture.convert("RGB")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow from talking about odd but readable files; only its warning about a bomb stops the file."""
    from PIL import Image

    logger, silence = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(silence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        logger.removeHandler(silence)
