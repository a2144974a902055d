"""Versions without imports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fakescan.core.environment import _code_sha256, environment


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


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not on the PATH")
def test_the_tools_own_digest_is_the_one_that_a_shell_finds(repository: Path) -> None:
    command = "find . -name '*.py' | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(
        ["sh", "-c", command], cwd=repository / "fakescan", capture_output=True, text=True, check=True
    )
    assert environment()["code_sha256"] == _code_sha256() == done.stdout.split()[0]
