"""The rig: a server on one core, a client in a fresh process on the other, and a folder that goes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.bulk.figures import Entry
from bench.bulk.wanted import Wanted

PROJECT = Path(__file__).resolve().parents[2]
HEAVY_TAIL = ("--latency", "lognormal:0.2:0.8", "--stragglers", "0.01:20")
ANSWER_CHARS = "1500"
LONGEST_RUN_S = 900
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Cores:
    """Which processor serves and which one asks; None where processes cannot be pinned apart."""

    server: int | None
    client: int | None

    @classmethod
    def here(cls) -> Cores:
        """The first and the last processor that this process may use."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None)
        found = sorted(os.sched_getaffinity(0))
        return cls(found[0], found[-1]) if len(found) > 1 else cls(None, None)


def pinned(core: int | None) -> Callable[[], None] | None:
    """What a child process does first to stay on its processor."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def clean_environment(folder: Path) -> dict[str, str]:
    """The environment of every child: no key and no setting of the person who measures."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    ours = {"CHARACTER_CONFIG_PATH": folder / "config", "MODEL_PATH": folder / "models"}
    return kept | {name: str(path) for name, path in ours.items()} | {"PYTHONPATH": str(PROJECT)}


class Server:
    """A stand-in server as a process; a context manager."""

    def __init__(self, *flags: str, core: int | None = None) -> None:
        command = [sys.executable, "-m", "tests.load_server", "--seed", "1"]
        command += ["--answer-chars", ANSWER_CHARS, *flags]
        self._program = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, preexec_fn=pinned(core)
        )
        assert self._program.stdout is not None
        self.url = self._program.stdout.readline().strip()

    def fetch(self, door: str, *, post: bool = False) -> bytes:
        """The body of a side door."""
        request = urllib.request.Request(
            self.url.removesuffix("/v1") + door,
            method="POST" if post else "GET",
            data=b"" if post else None,
        )
        with urllib.request.urlopen(request) as response:
            return response.read()

    def log(self) -> list[Entry]:
        """Every record since the last reset."""
        return [json.loads(line) for line in self.fetch("/_log").splitlines()]

    def reset(self) -> None:
        """Forget every record."""
        self.fetch("/_reset", post=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.terminate()
        self._program.wait()


class ClientFailed(Exception):
    """A client process ended badly; the message is the end of what it said."""


def child(command: Sequence[str], wanted: dict[str, Any], folder: Path, core: int | None) -> dict[str, Any]:
    """Run a client process with its job as JSON on stdin; the last line of its output is the answer."""
    try:
        done = subprocess.run(
            command,
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            cwd=folder,
            env=clean_environment(folder),
            preexec_fn=pinned(core),
            check=False,
            timeout=LONGEST_RUN_S,
        )
    except subprocess.TimeoutExpired:
        raise ClientFailed(f"no end after {LONGEST_RUN_S} s") from None
    if done.returncode:
        raise ClientFailed((done.stderr or done.stdout).strip()[-400:])
    return json.loads(done.stdout.strip().splitlines()[-1])


@dataclass(slots=True)
class Rig:
    """What every measurement needs. `shrink` divides all sizes; `peers` holds peer environments."""

    folder: Path
    cores: Cores
    rounds: int = 3
    shrink: int = 1
    peers: Path | None = None
    _folders: int = 0

    def size(self, count: int) -> int:
        """A number of rows, made smaller when a quick look is wanted."""
        return max(20, count // self.shrink)

    def server(self, *flags: str) -> Server:
        """A server on its core."""
        return Server(*flags, core=self.cores.server)

    def fresh(self) -> str:
        """A data folder that nothing has written to."""
        self._folders += 1
        path = self.folder / f"data-{self._folders}"
        path.mkdir()
        return str(path)

    def ours(self, wanted: Wanted, *, lenient: bool = False, anywhere: bool = False) -> dict[str, Any]:
        """Our client's figures for a job, on its core unless `anywhere`.

        Raises ClientFailed when rows are missing, unless lenient.
        """
        command = [sys.executable, "-m", "bench.bulk.ours"]
        core = None if anywhere else self.cores.client
        found = child(command, asdict(wanted), self.folder, core)
        if not lenient and found["done"] != wanted.prompts * wanted.samples:
            raise ClientFailed(f"{found['done']} rows and {found['failed']} failures")
        return found

    def peer(self, python: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Another client's figures."""
        command = [python, "-P", str(PROJECT / "bench" / "bulk" / "peers.py")]
        return child(command, wanted, self.folder, self.cores.client)
