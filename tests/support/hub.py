"""A model hub on this machine, as far as downloading a repository needs one: real HTTP, with ranges."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BREAK_AFTER = 1_500_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """One repository, ``somebody/model``."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.promised = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        self.asked: list[tuple[str, str]] = []
        """File and Range header of every request for a file's bytes."""
        self.breaks = 0
        """How many more times a large file's connection is closed after ``BREAK_AFTER`` bytes."""

    def listed(self) -> list[dict[str, object]]:
        return [
            {"rfilename": name, "path": name, "type": "file", "oid": "0" * 40, "size": len(data), "blobId": "0" * 40}
            | ({"lfs": self._lfs(name)} if name.endswith((".safetensors", ".bin")) else {})
            for name, data in self.files.items()
        ]

    def _lfs(self, name: str) -> dict[str, object]:
        digest = self.promised[name]
        return {"sha256": digest, "oid": digest, "size": len(self.files[name]), "pointerSize": 130}


@contextmanager
def served(hub: Hub) -> Iterator[str]:
    """Run a hub; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._file(body=False) if "/resolve/" in self.path else self._api()

        def do_GET(self) -> None:
            self._file(body=True) if "/resolve/" in self.path else self._api()

        def _api(self) -> None:
            about = {"id": "somebody/model", "modelId": "somebody/model", "sha": COMMIT, "siblings": hub.listed()}
            found = self.path.startswith("/api/models/somebody/model")
            answer: object = about if found else {"error": "Repository not found"}
            if found and "/tree/" in self.path:
                answer = hub.listed()
            data = json.dumps(answer).encode()
            self.send_response(200 if found else 404)
            if not found:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def _file(self, *, body: bool) -> None:
            name = self.path.split(f"/resolve/{COMMIT}/", 1)[-1].split("?")[0]
            if name not in hub.files:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data, asked = hub.files[name], self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked and body else 0
            rest = data[start:]
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(rest)))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if not body:
                return
            hub.asked.append((name, asked))
            if hub.breaks and len(rest) > BREAK_AFTER:
                hub.breaks -= 1
                self.wfile.write(rest[:BREAK_AFTER])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(rest)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
