"""What paths of a set may be, and what their folders say."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from fakescan.core.records import Label

LABEL_FOLDERS = {"real": Label.REAL, "0_real": Label.REAL, "fake": Label.FAKE, "1_fake": Label.FAKE}
"""Names of folders that say the label of what is in them."""
SPLIT_FOLDERS = frozenset({"train", "val", "valid", "validation", "dev", "dev-test", "test"})
"""Names of the topmost folder that say the split."""


def relative_path(image: object) -> str:
    """A path of a list, made sure to stay below the root on every system.

    Args:
        image: as it stands in the list.

    Raises:
        ValueError: it is no path, or leaves the root.
    """
    if not isinstance(image, str) or not image or "\0" in image:
        raise ValueError("no path of an image")
    windows = PureWindowsPath(image)
    if PurePosixPath(image).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise ValueError(f"image path {image!r} leaves the root")
    return image


def placed(image: str) -> tuple[Label | None, str, str]:
    """What a path's folders say: label, source and split.

    Args:
        image: path relative to the root, POSIX.
    """
    folders = list(PurePosixPath(image).parent.parts)
    split = folders.pop(0) if folders and folders[0].lower() in SPLIT_FOLDERS else ""
    label = None
    for at in range(len(folders) - 1, -1, -1):
        label = LABEL_FOLDERS.get(folders[at].lower())
        if label is not None:
            del folders[at]
            break
    return label, "/".join(folders) or (label.value if label else "."), split
