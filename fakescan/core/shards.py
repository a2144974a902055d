"""The words by which reports of parts of a scan are put together again."""

from __future__ import annotations

_LEFT_TO_OTHERS = "in another part of the scan"


def left_to_others(shard: str) -> str:
    """Why a file of another part is not in this report.

    Args:
        shard: ``i/n``.
    """
    return f"{_LEFT_TO_OTHERS} than this one (--shard {shard})"


def is_left_to_others(reason: str) -> bool:
    """Whether a file was skipped because it belongs to another part.

    Args:
        reason: why it was skipped.
    """
    return reason.startswith(_LEFT_TO_OTHERS)
