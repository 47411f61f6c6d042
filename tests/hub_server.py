"""A hub on loopback that the real huggingface_hub talks to: repositories, large files, commits, refusals.

It answers as the hub does where uploads are concerned: tokens that may write or only read, a 409 for a
repository that is there, git's and LFS's own hashes for what it holds, and large files by content.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

from tests.waiting import until

LARGE = (".safetensors", ".gguf")
WRITES, READS = "hf_writes_0123456789", "hf_reads_0123456789"


@dataclass
class Repo:
    """One repository: what it holds by name, whether it is private, and its commits."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=lambda: ["0" * 40])


@dataclass
class Hub:
    """The hub's state, and knobs: `stall_at` holds the nth large upload until `release` is set."""

    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    stall_at: int = 0
    arrivals: Iterator[int] = field(default_factory=lambda: count(1))
    fail_commits: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __enter__(self) -> Hub:
        hub = self

        class Handler(_Handler):
            state = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _say(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _refused(self, *, writes: bool) -> bool:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.state.tokens.add(token)
        if token not in (WRITES, READS):
            self._say(401, {"error": "Invalid credentials in Authorization header"})
            return True
        if writes and token == READS:
            self._say(403, {"error": "You don't have the rights to create a model under this namespace"})
            return True
        return False

    def do_GET(self) -> None:
        self.state.requests.append(("GET", self.path))
        if self._refused(writes=False):
            return
        parts = self.path.split("?")[0].strip("/").split("/")
        repo = self.state.repos.get("/".join(parts[1:4]))
        if parts[0] != "api" or repo is None:
            self._say(404, {"error": "Repository not found"})
            return
        about = {"id": "/".join(parts[2:4]), "sha": repo.commits[-1], "private": repo.private, "tags": []}
        self._say(200, about | {"siblings": [{"rfilename": name} for name in repo.files]})

    def do_POST(self) -> None:
        self.state.requests.append(("POST", self.path))
        body = self._body()
        if self._refused(writes=True):
            return
        path = self.path.split("?")[0]
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._say(200, {"errors": [], "warnings": []})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif "/preupload/" in path:
            self._preupload(self._repo(path), json.loads(body))
        elif "/commit/" in path:
            self._commit(path, body)
        else:
            self._say(404, {"error": f"no such place {path}"})

    def do_PUT(self) -> None:
        hub, data = self.state, self._body()
        hub.requests.append(("PUT", self.path))
        if hub.stall_at and next(hub.arrivals) >= hub.stall_at:
            # Two may arrive at once: the one before is whole when this one is said to hang.
            until(lambda: len(hub.puts) >= hub.stall_at - 1)
            hub.stalled.set()
            hub.release.wait(60)
            return
        oid = self.path.rsplit("/", 1)[1]
        assert hashlib.sha256(data).hexdigest() == oid
        assert "Authorization" not in self.headers, "the token went to the storage"
        hub.objects[oid] = data
        hub.puts.append(oid)
        self._say(200, {})

    def _repo(self, path: str) -> Repo:
        return self.state.repos["/".join(path.strip("/").split("/")[1:4])]

    def _create(self, asked: dict[str, Any]) -> None:
        kind = asked.get("type") or "model"
        name = (
            f"{asked.get('organization')}/{asked['name']}" if asked.get("organization") else asked["name"]
        )
        place, url = f"{kind}s/{name}", f"{self.state.url}/{'datasets/' * (kind == 'dataset')}{name}"
        if place in self.state.repos:
            self._say(409, {"error": "You already created this repo", "url": url})
            return
        private = asked.get("private") or asked.get("visibility") == "private"
        self.state.repos[place] = Repo(bool(private))
        self._say(200, {"url": url, "name": name, "id": name})

    def _preupload(self, repo: Repo, asked: dict[str, Any]) -> None:
        files = []
        for one in asked["files"]:
            is_large = one["path"].endswith(LARGE)
            held = repo.files.get(one["path"])
            oid = None if held is None else _oid(held, is_large=is_large)
            mode = "lfs" if is_large else "regular"
            files.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._say(200, {"files": files})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for one in asked["objects"]:
            about = {"oid": one["oid"], "size": one["size"], "authenticated": True}
            if one["oid"] not in self.state.objects:
                about["actions"] = {"upload": {"href": f"{self.state.url}/storage/{one['oid']}"}}
            objects.append(about)
        self._say(200, {"transfer": "basic", "objects": objects})

    def _commit(self, path: str, body: bytes) -> None:
        if self.state.fail_commits:
            self.state.fail_commits -= 1
            self._say(400, {"error": "Your push was rejected: the card's header is not valid"})
            return
        repo = self._repo(path)
        for line in body.splitlines():
            row = json.loads(line)
            if row["key"] == "file":
                repo.files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
            elif row["key"] == "lfsFile":
                repo.files[row["value"]["path"]] = self.state.objects[row["value"]["oid"]]
        repo.commits.append(hashlib.sha1(body).hexdigest())
        kind, *name = path.strip("/").split("/")[1:4]
        place = "datasets/" * (kind == "datasets") + "/".join(name)
        url = f"{self.state.url}/{place}/commit/{repo.commits[-1]}"
        self._say(200, {"success": True, "commitOid": repo.commits[-1], "commitUrl": url, "hookOutput": ""})


def _oid(data: bytes, *, is_large: bool) -> str:
    if is_large:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
