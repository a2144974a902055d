"""The invented scans of the reports' tests."""

from __future__ import annotations

from tests.unit.reports.conftest import hostile_scan, press_scan

__all__ = ["hostile_scan", "press_scan"]
