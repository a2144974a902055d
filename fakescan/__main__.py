"""``python -m fakescan``."""

from __future__ import annotations

from fakescan.cli.app import main

main()
