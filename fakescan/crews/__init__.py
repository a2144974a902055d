"""Workers that scan together: processes on this machine, one a device, or actors on a Ray cluster.

What a worker does is ``pipeline.part``; how blocks are handed out, and what becomes of one whose worker died, is
``pipeline.crew``. Here is only how a worker is started, asked and ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakescan.core.options import RAY, ScanOptions

if TYPE_CHECKING:
    from fakescan.pipeline.crew import Crew


def crew_of(options: ScanOptions) -> Crew | None:
    """The workers that options ask for, or None where this process scans by itself.

    Args:
        options: what to scan, and how.
    """
    if options.engine == RAY:
        from fakescan.crews.cluster import ray_crew

        return lambda: ray_crew(options)
    if options.has_several_devices:
        from fakescan.crews.local import local_crew

        return lambda: local_crew(options)
    return None
