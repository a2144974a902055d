"""Another process of ours: a plain interpreter on pipes, alike on Linux, macOS and Windows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

_BOOTSTRAP = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {module} import main; main()"


def started(
    module: str, *, stderr: int | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that calls ``main()`` of a module, with pipes to its stdin and stdout.

    Args:
        module: its full name.
        stderr: as ``subprocess`` takes it; None: this process's own.
        environment: all of it; None: this process's own.

    Raises:
        OSError: when it cannot be started.
    """
    if sys.platform == "win32":
        # A group of its own: Ctrl-C in the console is for the parent alone.
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        flags = 0
    paths = [os.path.abspath(path) for path in sys.path if isinstance(path, str)]  # noqa: PTH100 -- plain text is sent
    return subprocess.Popen(  # noqa: S603 -- our own interpreter
        # -P: nothing is imported from the current folder, which may be the hostile one.
        [sys.executable, "-P", "-c", _BOOTSTRAP.format(module=module), json.dumps(paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=None if environment is None else dict(environment),
        creationflags=flags,
    )
