"""Colours by the profile in the file: the model was trained on sRGB, and takes everything for it."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, cast

from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

BAD_PROFILE = "The colour profile in the file is damaged or of no use here, and was ignored."
CONVERTED = "Colours were converted to sRGB by the profile in the file."

_MAX_PROFILE_BYTES = 8 * 2**20
_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY", "LAB": "Lab "}
"""Colour space that a profile must have to be about a picture of this mode."""


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """A picture in sRGB, and a note where that took something or failed; the same object where nothing is to do.

    Pictures without a profile, and those whose profile says sRGB, keep every pixel.

    Args:
        image: mode RGB, L, LAB or CMYK; others are returned as they are.
        profile: the ICC profile in the file, or None.
    """
    wanted = _SPACES.get(image.mode)
    if not profile or wanted is None:
        return image, ""
    if not isinstance(profile, bytes) or len(profile) > _MAX_PROFILE_BYTES:
        return image, BAD_PROFILE
    from PIL import ImageCms

    try:
        transform = _transform(profile, image.mode, wanted)
        if transform is None:
            return image, ""
        return cast(Image.Image, ImageCms.applyTransform(image, transform)), CONVERTED
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image, BAD_PROFILE


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str, space: str) -> ImageCms.ImageCmsTransform | None:
    """The way to sRGB, or None when the profile is sRGB itself. Most pictures of a scan share a few profiles.

    Raises:
        ValueError: when the profile is about another colour space.
        PyCMSError: when it is no profile.
    """
    from PIL import ImageCms

    opened = ImageCms.ImageCmsProfile(BytesIO(profile))
    if opened.profile.xcolor_space != space:
        raise ValueError("the profile is about another colour space")
    if mode == "RGB" and _is_srgb(opened.profile.profile_description):
        return None
    srgb = ImageCms.createProfile("sRGB")
    # Perceptual intent: what viewers use by default.
    return ImageCms.buildTransform(opened, srgb, mode, "RGB", ImageCms.Intent.PERCEPTUAL)


def _is_srgb(description: str | None) -> bool:
    """By its name; a profile that lies about it leaves the pixels as they are, which harms nobody."""
    words = (description or "").lower()
    return "srgb" in words or "iec61966-2.1" in words or words.strip() == "c2"
