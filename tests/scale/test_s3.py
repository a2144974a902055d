"""Scans of a bucket on a real S3 server: same verdicts as from a disk, nothing clean that was not read, no secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import png

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(find_spec, ("s3fs", "moto", "flask_cors", "boto3"))),
        reason="needs the extras remote and dev: s3fs, and moto as the S3 server",
    ),
]

SECRET = "hunter2-very-secret-access-key"
KEY_ID = "AKIAHUNTER2KEYID"
BUCKET = "pictures"

_SERVER = """
import sys
from werkzeug.serving import make_server
from moto.server import DomainDispatcherApplication, create_backend_app
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
import threading
threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
server.serve_forever()
"""

_FILL = """
import json, os, sys
import boto3
s3 = boto3.client("s3")
for command in json.loads(sys.stdin.read()):
    getattr(s3, command.pop("do"))(**{k: bytes.fromhex(v) if k == "Body" else v for k, v in command.items()})
"""


@dataclass
class Bucket:
    """A bucket on a server that runs."""

    environment: dict[str, str]
    folder: Path

    def tell(self, *commands: dict[str, Any]) -> None:
        """Ask the server in another process: this one may not use the network."""
        subprocess.run(
            [sys.executable, "-c", _FILL], input=json.dumps(commands), text=True, check=True, env=self.environment,
            timeout=120,
        )  # fmt: skip

    def put(self, key: str, content: bytes) -> None:
        self.tell({"do": "put_object", "Bucket": BUCKET, "Key": key, "Body": content.hex()})

    def scan(self, *arguments: str | Path, model: Path, reasoning: str = "none") -> tuple[int, dict[str, Any], str]:
        """A scan as a user starts it: exit code, report, and everything that was printed."""
        words = ["scan", *map(str, arguments), "--model", str(model), "--reasoning", reasoning, "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "fakescan", *words, "--device", "cpu", "--workers", "1"],
            capture_output=True, text=True, env=self.environment, cwd=self.folder, timeout=300,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Bucket]:
    folder = tmp_path_factory.mktemp("s3")
    paths = os.pathsep.join([str(repository), *(path for path in sys.path if path)])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FAKESCAN_"))}
    environment = {
        **kept, "PYTHONPATH": paths, "XDG_CACHE_HOME": str(folder / "cache"), "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=environment,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        assert server.stdin is not None
        port = int(server.stdout.readline())
        environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        running = Bucket(environment, folder)
        running.tell({"do": "create_bucket", "Bucket": BUCKET})
        yield running
        server.stdin.close()


def rows_of(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    rows = {row["path"]: row for row in report["results"]}
    for row in rows.values():
        row.pop("timings_s", None)
    return rows


def test_a_bucket_is_scanned_like_a_folder(bucket: Bucket, tiny_model: Path, tmp_path: Path) -> None:
    local = tmp_path / "in"
    contents = {f"sub/{number}.png": png(number) for number in range(4)}
    contents |= {"broken.png": b"\x89PNG\r\n\x1a\n", "empty.jpg": b"", "notes.txt": b"no picture", "unnamed": png(9)}
    commands = []
    for name, content in contents.items():
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_bytes(content)
        commands.append({"do": "put_object", "Bucket": BUCKET, "Key": f"in/{name}", "Body": content.hex()})
    bucket.tell(*commands)
    code, remote, printed = bucket.scan(f"s3://{BUCKET}/in", "--run-dir", tmp_path / "run", model=tiny_model)
    local_code, report, _ = bucket.scan(local, "--no-cache", model=tiny_model)
    assert code == local_code, printed
    assert remote["scan"]["root"] == f"s3://{BUCKET}/in"
    assert rows_of(remote) == rows_of(report)
    assert remote["skipped"] == report["skipped"]
    assert remote["summary"] == report["summary"]

    # A file that vanished and one that was written anew since: resuming sees both.
    bucket.tell({"do": "delete_object", "Bucket": BUCKET, "Key": "in/sub/0.png"})
    bucket.put("in/sub/1.png", png(21))
    again = bucket.scan(f"s3://{BUCKET}/in", "--run-dir", tmp_path / "run", "--resume", model=tiny_model)[1]
    resumed = rows_of(again)
    assert "sub/0.png" not in resumed
    assert resumed["sub/1.png"]["sha256"] != rows_of(remote)["sub/1.png"]["sha256"]
    assert resumed["sub/2.png"] == rows_of(remote)["sub/2.png"]

    # What is too large is refused by its listed size, and a named file that is not there is no clean one.
    code, report, printed = bucket.scan(
        f"s3://{BUCKET}/in/sub/2.png", f"s3://{BUCKET}/in/none.png", "s3://no-such-bucket/x.png",
        "--max-file-bytes", "100", "--fail-on", "never", model=tiny_model,
    )  # fmt: skip
    assert code == 3, printed
    found = {path: row["error"]["code"] for path, row in rows_of(report).items()}
    assert found == {
        f"s3://{BUCKET}/in/sub/2.png": "too-large",
        f"s3://{BUCKET}/in/none.png": "no-such-file",
        "s3://no-such-bucket/x.png": "no-such-file",
    }
    for text in (printed, *(path.read_text(errors="replace") for path in (tmp_path / "run").glob("*"))):
        assert SECRET not in text
        assert KEY_ID not in text


def test_checks_of_a_bucket_are_those_of_a_folder(bucket: Bucket, tiny_model: Path, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        bucket.put(f"checked/{number}.png", png(number))
    checks = ("--stability", "2", "--audit")
    _, remote, printed = bucket.scan(f"s3://{BUCKET}/checked", *checks, model=tiny_model, reasoning="all")
    _, local, _ = bucket.scan(tmp_path, *checks, model=tiny_model, reasoning="all")
    assert rows_of(remote) == rows_of(local), printed
    for row in remote["results"]:
        assert len(row["stability"]) == 2
        assert row["claims"]


def test_a_forbidden_or_vanished_object_is_an_error(bucket: Bucket, tiny_model: Path, tmp_path: Path) -> None:
    """Between the listing and the reading: a proxy in front of the server lists what it then refuses to give."""
    bucket.tell(
        *({"do": "put_object", "Bucket": BUCKET, "Key": f"two/{name}.png", "Body": png(5).hex()} for name in "abc")
    )
    with Proxy(bucket.environment["AWS_ENDPOINT_URL"], {"/two/b.png": 403, "/two/c.png": 404}) as address:
        behind = Bucket({**bucket.environment, "AWS_ENDPOINT_URL": address}, bucket.folder)
        code, report, printed = behind.scan(f"s3://{BUCKET}/two", "--fail-on", "never", model=tiny_model)
    assert code == 3, printed
    found = {path: (row["error"] or {}).get("code") for path, row in rows_of(report).items()}
    assert found == {"a.png": None, "b.png": "permission-denied", "c.png": "no-such-file"}


def test_addresses_on_the_web_are_read_and_told_without_their_keys(
    bucket: Bucket, tiny_model: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.png").write_bytes(png(3))
    (site / "b.png").write_bytes(png(4))
    listed = tmp_path / "list.txt"
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(site)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        base = f"http://127.0.0.1:{int(server.stdout.readline().split(' port ')[1].split()[0])}"
        listed.write_text(f"{base}/a.png?sig=hunter2-web\n{base}/b.png?sig=hunter2-web\n{base}/none.png\n")
        code, report, printed = bucket.scan("--files-from", listed, "--fail-on", "never", model=tiny_model)
        server.kill()
    assert code == 3, printed
    found = {path: (row["error"] or {}).get("code") for path, row in rows_of(report).items()}
    assert found == {"a.png": None, "b.png": None, "none.png": "no-such-file"}
    assert "hunter2" not in printed


class Proxy:
    """Passes requests on to a server, but answers some paths with a refusal."""

    def __init__(self, target: str, refused: dict[str, int]) -> None:
        code = f"""
import sys, threading, urllib.request, urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        for end, status in {refused!r}.items():
            if self.path.partition('?')[0].endswith(end):
                self.send_response(status); self.send_header('Content-Length', '0'); self.end_headers(); return
        asked = urllib.request.Request({target!r} + self.path, method=self.command, headers=dict(self.headers))
        try:
            answer = urllib.request.urlopen(asked)
        except urllib.error.HTTPError as fault:
            answer = fault
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ('transfer-encoding', 'connection', 'content-length'):
                self.send_header(name, value)
        self.send_header('Content-Length', answer.headers.get('Content-Length') or str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *_): pass
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
server.serve_forever()
"""
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        return f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(30)
