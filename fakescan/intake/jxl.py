"""JPEG XL for Pillow, by imagecodecs (extra ``jxl``): libjxl decodes, the size is known before it does.

ISO/IEC 18181-1 (codestream: signature, SizeHeader) and 18181-2 (container: boxes ``jxlc``, ``jxlp``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFile

if TYPE_CHECKING:  # workers load NumPy only where a file needs it
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "JXL"
"""Pillow's name of the decoder, once it is registered."""
NOTE = "JPEG XL: its colours were taken as sRGB, and of an animation only the first frame was examined."

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_WHOLE, _PART = b"jxlc", b"jxlp"
_PART_NUMBER_BYTES = 4
_SIZE_BYTES = 12
"""More than the longest SizeHeader, 67 bits."""
_MAX_BOXES = 1000
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height by the header's number, from 1."""
_SIDE_BITS = (9, 13, 18, 30)


def register() -> bool:
    """Make Pillow open JPEG XL; False where imagecodecs is missing or was built without it."""
    try:
        from imagecodecs import JPEGXL
    except ImportError:
        return False
    if not JPEGXL.available:
        return False
    Image.register_open(FORMAT, JxlImage, _accepts)
    return True


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels as stored, before the orientation is applied.

    Args:
        data: the file's bytes.

    Raises:
        SyntaxError: there is no header of a codestream.
    """
    start = 0 if data.startswith(_CODESTREAM) else _codestream_start(data)
    if data[start : start + 2] != _CODESTREAM:
        raise SyntaxError("no codestream of JPEG XL")
    header = data[start + 2 : start + 2 + _SIZE_BYTES]
    bits, left = int.from_bytes(header, "little"), 8 * len(header)

    def take(count: int) -> int:
        nonlocal bits, left
        if count > left:
            raise SyntaxError("truncated header of JPEG XL")
        value, bits, left = bits & ((1 << count) - 1), bits >> count, left - count
        return value

    def side(small: int) -> int:
        return 8 * (1 + take(5)) if small else 1 + take(_SIDE_BITS[take(2)])

    small = take(1)
    height = side(small)
    ratio = take(3)
    if not ratio:
        return side(small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _codestream_start(data: bytes) -> int:
    """Where the codestream begins in a container, or the file's end."""
    at = 0
    for _ in range(_MAX_BOXES):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind == _WHOLE:
            return at + head
        if kind == _PART:
            return at + head + _PART_NUMBER_BYTES
        if size < head or at + size >= len(data):
            break
        at += size
    return len(data)


def _accepts(prefix: bytes) -> bool:
    return prefix.startswith((_CODESTREAM, _CONTAINER))


class JxlImage(ImageFile.ImageFile):
    """A file whose size is read when it is opened, and whose first frame is decoded when it is loaded."""

    format = FORMAT
    format_description = "JPEG XL"
    deep = False
    """Whether samples had more than eight bits; known once it is loaded."""

    def _open(self) -> None:
        self._data: bytes | None = self.fp.read() if self.fp else b""
        # The mode is what most have; the decoder knows it better.
        self._mode, self._size = "RGB", size_of(self._data)

    def load(self) -> Any:
        """Decode the first frame, the right way up, to eight bits a channel.

        Raises:
            OSError: the data is damaged, or has more channels than a picture.
        """
        if self._data is not None:
            from imagecodecs import JpegxlError, jpegxl_decode

            try:
                pixels = jpegxl_decode(self._data, index=0, numthreads=1)
            except JpegxlError as fault:
                raise OSError("damaged data of JPEG XL") from fault
            self.deep = pixels.dtype.itemsize > 1
            picture = Image.fromarray(_eight_bits(pixels))
            self._data, self._mode, self._size, self.im = None, picture.mode, picture.size, picture.im
        return super().load()


def _eight_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """(H, W) or (H, W, C) with C from 2 to 4; samples of 16 bits and in floating point (0 to 1) are scaled."""
    import numpy as np

    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (2, 3, 4)):
        raise OSError("unsupported channels of JPEG XL")
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype == np.uint16:
        return (pixels.astype(np.uint16, copy=False) >> 8).astype(np.uint8)
    unit = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.rint(np.clip(unit, 0.0, 1.0) * 255).astype(np.uint8)
