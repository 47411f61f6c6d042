"""A large file over HTTP that goes on after every break: Range requests, appended to a part file.

    got = fetch(url, folder / "adapter.archive", key=…, report=…, rest=…)

Together's SDK cannot go on after a break in its first 10 MiB, and most adapters are no larger. Beside the
part lies what the server said of the whole (size, ETag): a part of another file is begun anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from core.engines.failures import kind_of_status
from core.errors import EngineError
from core.settings import Secret, origin_of
from core.store import disk
from core.store.disk import disk_trouble
from core.store.jsonl import read_json, write_json

TIMEOUT_S = 60.0
MOST_HOPS = 5
ATTEMPTS_WITHOUT_GAIN = 6

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is whole: its size as the server named it, and the hash of its bytes."""

    path: Path
    size: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is, and the key that goes to that origin and to no other."""

    url: str
    key: Secret
    query: Mapping[str, str]
    timeout_s: float = TIMEOUT_S


class _Broken(Exception):
    """The connection ended early; what came is kept."""


def fetch(
    source: Source, target: Path, report: Callable[[int, int], None], rest: Callable[[int], None]
) -> Fetched:
    """The whole file at `target`, durable. `rest(n)` waits after the n-th break in a row.

    Raises EngineError when the server refuses or gives nothing more, RunError for trouble with the disk.
    """
    part, about = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.json")
    breaks = 0
    while True:
        had = _size(part)
        try:
            known = _continue(source, part, about, report)
            break
        except _Broken as error:
            if isinstance(error, _Changed):
                _forget(part, about)
            breaks = 1 if _size(part) > had else breaks + 1
            if breaks >= ATTEMPTS_WITHOUT_GAIN:
                raise _error(
                    "connection",
                    f"The download broke off {breaks} times without gaining a byte ({error}); "
                    "run again to go on where it stopped.",
                ) from None
            rest(breaks)
    return _finish(part, target, known)


def _continue(
    source: Source, part: Path, about: Path, report: Callable[[int, int], None]
) -> dict[str, Any]:
    """One connection: ask for what is missing and append it. Returns what is known of the whole."""
    import httpx

    known: dict[str, Any] = read_json(about) or {}
    start = _size(part) if known else 0
    if known and start == known["size"]:
        return known
    try:
        with _opened(source, start, known.get("etag")) as response:
            known, start = _agreed(response, start, known)
            write_json(about, known)
            # Pieces as they come: collecting them to a size would lose those before a break.
            _append(response.iter_raw(), part, start, known["size"], report)
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise _Broken(type(error).__name__) from None
    if _size(part) != known["size"]:
        raise _Broken("the connection closed early")
    return known


@contextmanager
def _opened(source: Source, start: int, etag: str | None) -> Iterator[Any]:
    """The response to a request for the bytes from `start` on, redirects followed without the key."""
    import httpx

    ask = {"Range": f"bytes={start}-", "Accept": "application/octet-stream", "Accept-Encoding": "identity"}
    if etag and start:
        ask["If-Range"] = etag
    with httpx.Client(timeout=source.timeout_s, follow_redirects=False) as client:
        url = str(httpx.URL(source.url, params=dict(source.query)))
        for _ in range(MOST_HOPS):
            own = origin_of(url) == origin_of(source.url)
            headers = ask | ({"Authorization": f"Bearer {source.key.reveal()}"} if own else {})
            with client.stream("GET", url, headers=headers) as response:
                if response.status_code not in (301, 302, 303, 307, 308):
                    yield response
                    return
                url = _next(url, response.headers.get("location"))
    raise _error("redirect", "The download is sent from place to place without end; try again later.")


def _next(url: str, location: str | None) -> str:
    """Where a redirect leads: never from a safe connection to an open one."""
    found = urljoin(url, location or "")
    if not location or (url.startswith("https:") and not found.startswith("https:")):
        raise _error("redirect", "The download is redirected to an unsafe address and was not followed.")
    return found


def _agreed(response: Any, start: int, known: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """What the server says of the whole file, and the byte at which its answer begins."""
    if response.status_code == 416:
        raise _Changed("the server has less than was fetched")
    if response.status_code not in (200, 206):
        raise _refused(response.status_code)
    begins, size = _range_of(response, start)
    now = {
        "size": size,
        "etag": response.headers.get("etag"),
        "content_type": response.headers.get("content-type", ""),
    }
    if begins and known and (known["size"], known["etag"]) != (size, now["etag"]):
        raise _Changed("the file changed at the server")
    return now, begins


class _Changed(_Broken):
    """What lies here is part of another file."""


def _range_of(response: Any, start: int) -> tuple[int, int]:
    """Where the answer begins and how long the whole is; a server without Range begins at 0."""
    if response.status_code == 200:
        length = response.headers.get("content-length", "")
        if not length.isdigit():
            raise _error("unreadable", "The server does not say how long the download is; try again later.")
        return 0, int(length)
    unit, _, told = response.headers.get("content-range", "").partition(" ")
    span, _, size = told.partition("/")
    begins = span.partition("-")[0]
    if unit != "bytes" or not begins.isdigit() or not size.isdigit() or int(begins) != start:
        raise _error("unreadable", "The server sends another part of the download than was asked for.")
    return start, int(size)


def _append(
    pieces: Iterator[bytes], part: Path, start: int, size: int, report: Callable[[int, int], None]
) -> None:
    """Write the answer at its place; more than the whole file is refused."""
    done = start
    try:
        fd = disk.open_file(part, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            disk.truncate(fd, start)
            os.lseek(fd, start, os.SEEK_SET)
            for piece in pieces:
                if done + len(piece) > size:
                    raise _error("unreadable", "The server sends more than it announced; try again later.")
                disk.write_all(fd, piece)
                done += len(piece)
                report(done, size)
            disk.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise disk_trouble("write", part, error) from error


def _finish(part: Path, target: Path, known: Mapping[str, Any]) -> Fetched:
    try:
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        disk.replace(part, target)
        disk.sync_folder(target.parent)
    except OSError as error:
        raise disk_trouble("keep", target, error) from error
    return Fetched(target, known["size"], digest, known["content_type"])


def _forget(*paths: Path) -> None:
    try:
        for path in paths:
            disk.unlink(path)
    except OSError as error:
        raise disk_trouble("remove", paths[0], error) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _refused(status: int) -> EngineError:
    kind = kind_of_status(status, retry_after=False)
    if kind in ("transient", "rate_limited"):
        raise _Broken(f"HTTP {status}")
    texts = {
        "key": "Together does not accept this key for the download; save it anew under Engines and keys.",
        "model": "Together has no adapter of this job to download; look at the job on its page.",
    }
    return _error(kind, texts.get(kind, f"Together refuses the download (HTTP {status})."), status)


def _error(kind: str, message: str, status: int | None = None) -> EngineError:
    return EngineError(message, kind=kind, status=status, transient=kind == "connection")
