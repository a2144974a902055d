"""stub"""

from PIL import Image

from fakescan.core.records import ImageKind


def kind_of(image: Image.Image, *, size_px: tuple[int, int] | None = None) -> ImageKind:
    return ImageKind.PHOTO
