"""From a decoded picture to the pixel tensor that a vision tower takes, in training and inference alike.

Three views are known:

``pad``     LLaVA-1.5's: centred on a square of the longer side filled with the tower's mean colour, then resized.
            It keeps everything, and it shows the aspect ratio through the bars.
``square``  The largest centred square, resized. Nothing about the aspect ratio reaches the model, which matters
            where AI-generated training images are square and photographs are not.
``native``  The centre at native resolution, not resized at all (resized up only where the image is smaller).

Resizing is Pillow's bicubic, with its antialiasing, on uint8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image

View = Literal["pad", "square", "native"]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pictures are laid before the vision tower; stored in the checkpoint."""

    size_px: int
    """Side of the tower's input."""
    views: tuple[View, ...] = ("pad",)
    """The views, in the order of the prompt's image blocks."""
    mean: tuple[float, float, float] = CLIP_MEAN
    """Per-channel mean of the tower's training."""
    std: tuple[float, float, float] = CLIP_STD
    """Per-channel standard deviation of the tower's training."""

    def __post_init__(self) -> None:
        """Refuse views that do not exist.

        Raises:
            ValueError: an unknown view, none at all, or a side below 1.
        """
        unknown = [view for view in self.views if view not in get_args(View)]
        if unknown or not self.views or self.size_px < 1:
            raise ValueError(f"views {self.views!r} at {self.size_px} px: views are {', '.join(get_args(View))}")


def pad_to_square(image: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """Centre an image on a square of its longer side (integer floor offset, as LLaVA does)."""
    width, height = image.size
    side = max(width, height)
    if width == height:
        return image
    square = Image.new("RGB", (side, side), colour)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square


def centre_square(image: Image.Image, side_px: int | None = None) -> Image.Image:
    """Cut the largest centred square, or one of a given side where the image is at least that large."""
    width, height = image.size
    side = min(width, height) if side_px is None else min(width, height, side_px)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def make_view(image: Image.Image, view: View, preprocessing: Preprocessing) -> Image.Image:
    """One view of a picture as a square RGB image of the tower's size.

    Args:
        image: mode RGB, orientation applied.
        view: which view.
        preprocessing: size and mean colour.
    """
    size = preprocessing.size_px
    if view == "pad":
        red, green, blue = (int(255 * channel) for channel in preprocessing.mean)
        square = pad_to_square(image, (red, green, blue))
    elif view == "square":
        square = centre_square(image)
    else:
        square = centre_square(image, size)
    return square if square.size == (size, size) else square.resize((size, size), Image.Resampling.BICUBIC)


def to_tensor(image: Image.Image, preprocessing: Preprocessing) -> torch.Tensor:
    """Normalise an RGB image: float32 of shape (3, H, W)."""
    array = np.asarray(image, dtype=np.float32) / np.float32(255)
    mean, std = (np.asarray(values, np.float32) for values in (preprocessing.mean, preprocessing.std))
    return torch.from_numpy(np.ascontiguousarray(((array - mean) / std).transpose(2, 0, 1)))


def pixel_values(images: Sequence[Image.Image], preprocessing: Preprocessing) -> torch.Tensor:
    """All views of all pictures: float32 of shape (B * V, 3, size, size), views of one picture side by side."""
    return torch.stack(
        [
            to_tensor(make_view(image, view, preprocessing), preprocessing)
            for image in images
            for view in preprocessing.views
        ]
    )
