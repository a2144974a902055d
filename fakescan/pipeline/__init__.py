"""The straight line of a scan: discover, decode, read evidence, infer, give a verdict, store."""

from __future__ import annotations

from fakescan.pipeline.run import FinishedRun, results, run_scan

__all__ = ["FinishedRun", "results", "run_scan"]
