"""From a decoded picture to the pixel tensor that a vision tower takes, in training and inference alike.

The views themselves are cut and resized in ``intake/views.py``, where they can be made beside the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from fakescan.core.views import View, Views, check_views
from fakescan.intake.views import view_of, views_in

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
        check_views(self.views, self.size_px)

    @property
    def looks(self) -> Views:
        """The views, apart from how their pixels become numbers."""
        red, green, blue = (int(255 * channel) for channel in self.mean)
        return Views(self.views, self.size_px, (red, green, blue))


def views_of(image: Image.Image, made: Views | None, preprocessing: Preprocessing) -> list[Image.Image]:
    """All views of a picture, each a square RGB image of the tower's size.

    Args:
        image: mode RGB, orientation applied: the whole picture, or the strip of its views.
        made: the views that ``image`` is a strip of; None: it is the whole picture.
        preprocessing: views, size and mean colour.

    Raises:
        ValueError: when the strip holds other views.
    """
    wanted = preprocessing.looks
    if made is None:
        return [view_of(image, view, wanted) for view in wanted.names]
    if made != wanted:
        raise ValueError("the views of the picture are not those that the model was trained on")
    return views_in(image, wanted)


def to_tensor(image: Image.Image, preprocessing: Preprocessing) -> torch.Tensor:
    """Normalise an RGB image: float32 of shape (3, H, W)."""
    array = np.asarray(image, dtype=np.float32) / np.float32(255)
    mean, std = (np.asarray(values, np.float32) for values in (preprocessing.mean, preprocessing.std))
    return torch.from_numpy(np.ascontiguousarray(((array - mean) / std).transpose(2, 0, 1)))


def pixel_values(images: Sequence[Image.Image], preprocessing: Preprocessing) -> torch.Tensor:
    """All views of whole pictures: float32 of shape (B * V, 3, size, size), views of one picture side by side."""
    return stacked([view for image in images for view in views_of(image, None, preprocessing)], preprocessing)


def stacked(views: Sequence[Image.Image], preprocessing: Preprocessing) -> torch.Tensor:
    """Square RGB images of the tower's size as one tensor: float32 of shape (N, 3, size, size)."""
    return torch.stack([to_tensor(view, preprocessing) for view in views])
