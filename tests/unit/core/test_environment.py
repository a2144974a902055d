"""Versions without imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fakescan.core.environment import environment


def test_versions_are_named_and_a_copy_each_time() -> None:
    found = environment()
    assert {"python", "platform", "torch", "transformers", "pillow"} <= set(found)
    assert all(found.values())
    found["python"] = "changed"
    assert environment()["python"] != "changed"


def test_nothing_is_imported_for_it(repository: Path) -> None:
    code = "import sys; from fakescan.core.environment import environment; environment(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
