"""From a file's bytes to a picture in RGB, the right way up, within limits; what cannot be decoded is a ``Failure``."""

from __future__ import annotations

import hashlib
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image, ImageFile, UnidentifiedImageError

from fakescan.core.records import Failure, ImageKind
from fakescan.core.views import Views
from fakescan.intake import identify, jxl
from fakescan.intake.colour import to_srgb
from fakescan.intake.frames import count_frames
from fakescan.intake.limits import Limits
from fakescan.intake.pixels import fitted, to_rgb, turned, turned_size
from fakescan.intake.views import strip_of

ANIMATED = "Only the first of several frames or pages was examined."
TRANSPARENT = "Transparent parts were laid on white, as most viewers show them."
BAD_ORIENTATION = "The orientation in the file has no meaning and was ignored."
DEEP = "More than eight bits a channel were scaled down to eight."
DRAFTED = "Decoded at a reduced size, as was asked for: the model saw pixels a little other than those of the file."
HUGE = "The picture is so large that it was decoded at a reduced size."

_ORIENTATION_TAG = 0x0112
_DRAFTABLE = ("JPEG", "MPO")
_DRAFT_FACTOR = 4
"""Beyond this many times the allowed pixels they are bombs, not pictures; a progressive one would need all memory."""
_DRAFT_SPARE = 2
"""A drafted picture has at least so many times the side of the model's views: resizing still averages pixels."""
_LOGGER, _SILENCE = logging.getLogger("PIL"), logging.NullHandler()
_PILLOW = threading.Lock()
"""Pillow's limits and Python's warning filters are global: one decode at a time in a process."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """The first frame of a file, ready for the model."""

    image: Image.Image
    """Mode RGB, EXIF orientation applied, scaled down where the limits ask for it."""
    sha256: str
    """Digest of the file's bytes, lower-case hex."""
    width_px: int
    """Width of the picture as a viewer shows it, before any scaling down."""
    height_px: int
    """Height of the picture as a viewer shows it, before any scaling down."""
    frame_count: int
    """Frames or pages in the file; 1 for a still picture."""
    orientation: int | None
    """EXIF orientation as stored in the file, 1 to 8, or None."""
    notes: tuple[str, ...] = ()
    """What was done to the picture that a reader of the report should know."""
    kind: ImageKind | None = None
    """What sort of picture it is, told from its full size; None when nobody looked."""
    phash: str | None = None
    """Perceptual hash (``intake/duplicates.py``); None when the picture is too plain to have one."""
    views: Views | None = None
    """The views that ``image`` consists of, one under the other; None: it is the whole picture."""

    def seen_through(self, views: Views) -> DecodedImage:
        """The same with nothing but these views kept of the picture.

        Args:
            views: which views.
        """
        return self if self.views == views else replace(self, image=strip_of(self.image, views), views=views)


def decode(
    data: bytes,
    *,
    name: str = "",
    limits: Limits | None = None,
    sha256: str = "",
    views: Views | None = None,
    picture: object = None,
    kinds: bool = True,
) -> DecodedImage | Failure:
    """Decode a file in this process. Hostile files belong into a ``DecodePool``.

    Args:
        data: the file's bytes.
        name: the file's name; tells camera raw files from TIFF.
        limits: what the file may cost; the defaults when None.
        sha256: digest of ``data`` where it is known already.
        views: what is kept of the picture; None: all of it.
        picture: the opened picture of the same bytes where somebody has decoded all of it already (a Pillow image).
        kinds: whether to tell what kind of picture it is; for a small one that takes as long as to decode it.
    """
    bounds = limits or Limits()
    kind = identify.identify(data[: identify.HEAD_BYTES], name)
    if isinstance(kind, Failure):
        return kind
    digest = sha256 or hashlib.sha256(data).hexdigest()
    try:
        if kind.media_type == "image/webp":
            # Pillow's WebP decoder makes room for the whole picture while it opens the file.
            _check_pixels(_webp_size(data), bounds)
        with _strict_pillow(bounds, kind.decoder):
            if not isinstance(picture, Image.Image) or _draft_of(picture, bounds, views) is not None:
                picture = Image.open(BytesIO(data), formats=[kind.decoder])
            with picture:
                return _decoded(picture, data, kind.decoder, bounds, digest, views, kinds)
    except (Exception, RecursionError) as fault:  # a hostile file can raise anything in a decoder
        return _failure_of(fault, bounds)


class _TooManyPixels(Exception):
    """The header announces more pixels than allowed."""


def _decoded(
    opened: Image.Image, data: bytes, decoder: str, limits: Limits, digest: str, views: Views | None, kinds: bool
) -> DecodedImage:
    full_px = opened.size
    draft = _draft_of(opened, limits, views)
    notes = [] if draft is None else [draft.note]
    if draft is not None:
        opened.draft(draft.mode, draft.size_px)
    opened_px = opened.size
    _check_pixels(opened_px, limits)
    # The TIFF decoder turns the picture itself while it loads it, and forgets the tag. The PNG decoder loads
    # the picture to find the tag, and a fault of that first load would never be heard of again.
    stored = _orientation(opened) if decoder == "TIFF" else None
    opened.load()
    stored = _orientation(opened) if decoder != "TIFF" else stored
    orientation = stored if isinstance(stored, int) and 1 <= stored <= 8 else None
    if stored is not None and orientation is None:
        notes.append(BAD_ORIENTATION)
    frames = count_frames(data, opened)
    if frames > 1:
        notes.insert(0, ANIMATED)
    if opened.mode.startswith(("I", "F")) or (isinstance(opened, jxl.JxlImage) and opened.deep):
        notes.append(DEEP)
    if isinstance(opened, jxl.JxlImage):
        notes.append(jxl.NOTE)
    image, more_notes = _as_srgb(opened)
    notes += more_notes
    upright = turned(image, None if decoder == "TIFF" else orientation)
    upright.info = {}  # read by now; it would be copied with every step
    shown = fitted(upright, limits.max_short_side_px)
    # A copy is never the file's own lazy object, so that closing the file cannot touch it.
    own = shown if shown is not opened or views is not None else shown.copy()
    final = own if views is None else strip_of(own, views)
    # They load numpy, which nobody needs who only asks for the file's words.
    from fakescan.intake.duplicates import phash_of
    from fakescan.intake.scope import Look

    look = Look(upright)
    kind, phash = look.kind if kinds else None, phash_of(look.coarse)
    width, height = upright.size if opened_px == full_px else turned_size(full_px, orientation)
    return DecodedImage(final, digest, width, height, frames, orientation, tuple(notes), kind, phash, views)


def _as_srgb(opened: Image.Image) -> tuple[Image.Image, list[str]]:
    """The picture in mode RGB, in sRGB, without transparency; and what was done to it."""
    profile = opened.info.get("icc_profile")
    image, converted = to_srgb(opened, profile) if opened.mode in ("CMYK", "L", "LAB") else (opened, "")
    image, transparent = to_rgb(image)
    if not converted and opened.mode not in ("CMYK", "L", "LAB"):
        image, converted = to_srgb(image, profile)
    return image, [TRANSPARENT] * transparent + [converted] * bool(converted)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the decoder is asked for instead of the full size, and why."""

    mode: str | None
    size_px: tuple[int, int]
    note: str


def _draft_of(image: Image.Image, limits: Limits, views: Views | None) -> _Draft | None:
    """Whether a JPEG is decoded at a half, a quarter or an eighth of its size.

    Right is it where the limits allow it and the views, which are then at least halved from it, lose next to nothing;
    and where it has more pixels than allowed. A JPEG decoder can do that without ever holding the whole picture; no
    other can.
    """
    width, height = image.size
    pixels = width * height
    if image.format not in _DRAFTABLE or pixels > limits.max_pixels * _DRAFT_FACTOR:
        return None
    if limits.draft and views is not None and "native" not in views.names:
        least = _DRAFT_SPARE * views.size_px
        if min(width, height) >= 2 * least:
            # The decoder takes the largest scale that still covers the size asked for.
            return _Draft(None, (least, least), DRAFTED)
    if pixels > limits.max_pixels:
        scale = next(scale for scale in (2, 4, 8) if pixels <= limits.max_pixels * scale * scale)
        # Never enlarged by rounding up.
        return _Draft("RGB", (max(1, width // scale), max(1, height // scale)), HUGE)
    return None


def _orientation(image: Image.Image) -> object:
    try:
        return image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # damaged EXIF must not cost the picture
        return None


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise _TooManyPixels


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas size by the first chunk, (0, 0) where it does not say."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return 0, 0


@contextmanager
def _strict_pillow(limits: Limits, decoder: str) -> Iterator[None]:
    """Pillow with our pixel cap, its bomb warning an error, no patience with truncated files, and silent."""
    with _PILLOW, warnings.catch_warnings():
        kept = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        # Pillow looks at the header's size, before anybody can ask for less of a JPEG.
        most = limits.max_pixels * (_DRAFT_FACTOR if decoder == "JPEG" else 1)
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = most, False
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        speaks = _LOGGER.isEnabledFor(logging.CRITICAL)  # in a worker nothing does
        if speaks:
            _LOGGER.addHandler(_SILENCE)
        try:
            yield
        finally:
            if speaks:
                _LOGGER.removeHandler(_SILENCE)
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = kept


def _failure_of(fault: BaseException, limits: Limits) -> Failure:
    """What a fault means to somebody who does not know the decoder. No text of the file gets into it."""
    if isinstance(fault, _TooManyPixels | Image.DecompressionBombError | Image.DecompressionBombWarning):
        megapixels = limits.max_pixels / 1e6
        return Failure(
            "decode",
            "too-many-pixels",
            f"the picture has more than {megapixels:g} megapixels by its header",
            "scale it down, or raise the limit on pixels if you trust the file",
        )
    if isinstance(fault, MemoryError):
        return out_of_memory()
    text = str(fault).lower()
    if isinstance(fault, OSError | SyntaxError | EOFError) and ("truncated" in text or "end of file" in text):
        return Failure("decode", "truncated", "the file ends too early", "copy or download it again")
    if isinstance(fault, OSError | NotImplementedError) and text.startswith("unsupported"):
        message, hint = "a variant of the format that cannot be decoded here", "convert it to JPEG or PNG"
        return Failure("decode", "unsupported-format", message, hint)
    if isinstance(fault, UnidentifiedImageError | SyntaxError):
        message = "the file begins like an image, but its header is damaged"
    elif isinstance(fault, ValueError) and "text_chunk" in text.replace(" ", "_"):
        return Failure(
            "decode",
            "metadata-bomb",
            "text in the file unpacks to more than any picture needs",
            "remove the metadata if you trust the file",
        )
    else:
        message = f"the image data is damaged ({type(fault).__name__})"
    return Failure("decode", "damaged", message, "open it in another program, or copy it again")


def out_of_memory() -> Failure:
    """The failure of a file that needs more memory than a file may."""
    return Failure(
        "decode",
        "out-of-memory",
        "decoding the picture needs more memory than a single file may take",
        "scale the picture down, or convert it to JPEG or PNG",
    )
