"""A scripted Together on loopback, for the real SDK to talk to: files, limits, prices, jobs, downloads.

`TogetherServer()` answers as Together does when all goes well; its attributes script what goes wrong.
`seen` holds every request. Uploads and redirected downloads go to a second origin, as they do there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import struct
import tarfile
import threading
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import zstandard

BASE = "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference"


class Seen(NamedTuple):
    """One request as it arrived; `origin` is "api" or "storage"."""

    origin: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def limits(**more: Any) -> dict[str, Any]:
    """What a model takes, as the limits endpoint says it."""
    batches = {"max_batch_size": 96, "max_batch_size_dpo": 48, "min_batch_size": 8}
    return {
        "model_name": BASE,
        "default_gradient_accumulation_steps": 1,
        "lora_training": {"default_rank": 8, "max_rank": 64, "target_modules": ["all"], **batches},
        "full_training": batches,
        "max_learning_rate": 0.01,
        "min_learning_rate": 1e-8,
        "max_num_checkpoints": 10,
        "max_num_epochs": 20,
        "max_num_evals": 100,
        "max_seq_length_dpo": 8192,
        "max_seq_length_sft": 16384,
        "min_max_seq_length": 512,
        "merge_output_lora": True,
        "supports_full_training": True,
        "supports_reasoning": False,
        "supports_tools": True,
        "supports_vision": False,
        **more,
    }


def safetensors(size: int = 40_000) -> bytes:
    """A small file of LoRA weights."""
    header = {"model.q_proj.lora_A.weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(index % 251 for index in range(size))


def adapter_files(base: str = BASE) -> dict[str, bytes]:
    """The files of an adapter as Together packs them."""
    config = {"base_model_name_or_path": base, "r": 64, "lora_alpha": 128, "peft_type": "LORA"}
    return {
        "./adapter_config.json": json.dumps(config).encode(),
        "./adapter_model.safetensors": safetensors(),
        "./tokenizer.json": b"{}",
    }


def packed(
    files: dict[str, bytes], *, how: str = "zst", members: list[tarfile.TarInfo] | None = None
) -> bytes:
    """An archive of files: "zst", "gz" or plain; `members` are added as they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz" if how == "gz" else "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for entry in members or []:
            tar.addfile(entry)
    return zstandard.compress(buffer.getvalue()) if how == "zst" else buffer.getvalue()


@dataclass
class Job:
    """A fine-tuning job and the statuses that looks at it find, one after the other."""

    id: str
    body: dict[str, Any]
    statuses: list[str]
    looks: int = 0
    cancelled: bool = False

    @property
    def status(self) -> str:
        if self.cancelled:
            return "cancelled"
        return self.statuses[min(self.looks, len(self.statuses) - 1)]


@dataclass
class TogetherServer:
    """The server; a context manager. `url` is its address without /v1."""

    key: str = "tgp-canary-1234567890"
    known_models: dict[str, dict[str, Any]] = field(default_factory=lambda: {BASE: limits()})
    processing: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "COMPLETED"])
    report_error: str = ""
    estimate: dict[str, Any] = field(
        default_factory=lambda: {
            "estimation_available": True,
            "allowed_to_proceed": True,
            "estimated_total_price": 4.2,
            "estimated_train_token_count": 12345,
            "user_limit": 25.0,
        }
    )
    # "made", "made, then hang", "made, then 500", "hang", "500", or a status with words: "402 no funds".
    creating: list[str] = field(default_factory=lambda: ["made"])
    statuses: list[str] = field(default_factory=lambda: ["pending", "running", "running", "completed"])
    error_event: str = ""
    list_lags: int = 0
    lists_names: bool = True
    archive: bytes = field(default_factory=lambda: packed(adapter_files()))
    cuts: list[int] = field(default_factory=list)
    redirects_download: bool = False
    ignores_range: bool = False
    # Answers by path and count: {"/v1/fine-tunes/ft-1": [503, 503]} fails the first two.
    failing: dict[str, list[int]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.release = threading.Event()
        self._servers = [self._server("api"), self._server("storage")]
        self.url, self.storage = (f"http://127.0.0.1:{one.server_address[1]}" for one in self._servers)

    def _server(self, origin: str) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self, origin))
        server.daemon_threads = True
        return server

    def __enter__(self) -> TogetherServer:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def answer(self, seen: Seen) -> Answer | None:
        """What the API answers; None breaks the connection."""
        return answer_of(self, seen)

    def calls(self, method: str, pattern: str) -> list[Seen]:
        """The requests whose path matches wholly."""
        return [one for one in self.seen if one.method == method and re.fullmatch(pattern, one.path)]

    @property
    def created(self) -> list[Seen]:
        """The requests for a new job."""
        return self.calls("POST", "/v1/fine-tunes")


Answer = tuple[int, Any, dict[str, str]]


def handler_of(server: TogetherServer, origin: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes; the second would wait for the first's acknowledgement.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PUT(self) -> None:
            self._serve("PUT")

        def do_PATCH(self) -> None:
            self._serve("PATCH")

        def do_DELETE(self) -> None:
            self._serve("DELETE")

        def _serve(self, method: str) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            seen = Seen(origin, method, parts.path, query, dict(self.headers), body)
            with server.lock:
                server.seen.append(seen)
                planned = server.failing.get(parts.path)
                status = planned.pop(0) if planned else 0
            if status:
                self._send((status, {"error": {"message": "planned trouble"}}, {}))
            elif origin == "storage":
                self._storage(seen)
            elif self.headers.get("Authorization") != f"Bearer {server.key}":
                self._send((401, {"error": {"message": "Invalid API key"}}, {}))
            elif parts.path == "/v1/finetune/download":
                self._download(seen)
            else:
                self._send(server.answer(seen))

        def _send(self, answer: Answer | None) -> None:
            if answer is None:
                self.close_connection = True
                return
            status, value, headers = answer
            body = b"" if value is None else json.dumps(value).encode()
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, text in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def _storage(self, seen: Seen) -> None:
            if seen.method == "GET":
                self._archive(seen)
                return
            entry = server.files[seen.path.rsplit("/", 1)[-1]]
            entry["content"] = seen.body
            self._send((200, None, {}))

        def _download(self, seen: Seen) -> None:
            job = server.jobs.get(seen.query.get("ft_id", ""))
            if job is None or seen.query.get("checkpoint") != "adapter":
                self._send((404, {"error": {"message": "no such checkpoint"}}, {}))
            elif server.redirects_download:
                self._send((302, None, {"Location": f"{server.storage}/archive"}))
            else:
                self._archive(seen)

        def _archive(self, seen: Seen) -> None:
            whole, asked = server.archive, seen.headers.get("Range")
            start = 0
            if asked and not server.ignores_range:
                start = int(asked.removeprefix("bytes=").partition("-")[0])
            if start and start >= len(whole):
                self._send((416, None, {"Content-Range": f"bytes */{len(whole)}"}))
                return
            with server.lock:
                cut = server.cuts.pop(0) if server.cuts else len(whole)
            ranged = asked is not None and not server.ignores_range
            self.send_response(206 if ranged else 200)
            if ranged:
                self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
            self.send_header("ETag", f'"{hashlib.md5(whole).hexdigest()}"')
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(whole) - start))
            self.end_headers()
            self.wfile.write(whole[start : start + cut])
            if cut < len(whole) - start:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def answer_of(server: TogetherServer, seen: Seen) -> Answer | None:
    """What Together answers at an address of its API."""
    path = seen.path
    if path == "/v1/files" and seen.method == "POST":
        return begin_upload(server, seen)
    if found := re.fullmatch(r"/v1/files/([^/]+)(/preprocess)?", path):
        return file_answer(server, found[1], is_new=bool(found[2]))
    if path == "/v1/fine-tunes/models/limits":
        return limits_answer(server, seen.query["model_name"])
    if path == "/v1/fine-tunes/estimate-price":
        return 200, server.estimate, {}
    if path == "/v1/fine-tunes":
        return create_answer(server, seen) if seen.method == "POST" else list_answer(server)
    if found := re.fullmatch(r"/v1/fine-tunes/([^/]+)(?:/(events|metrics|checkpoints|cancel))?", path):
        return job_answer(server, found[1], found[2], seen)
    return 404, {"error": {"message": "not found"}}, {}


def form_of(seen: Seen) -> dict[str, str]:
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + seen.body).get_payload()
    return {str(part.get_param("name", header="content-disposition")): part.get_payload() for part in parts}  # type: ignore[union-attr]


def begin_upload(server: TogetherServer, seen: Seen) -> Answer:
    form = form_of(seen)
    for file_id, entry in server.files.items():
        if entry["checksum"] == form["checksum"] and "content" in entry:
            return 409, {"file_id": file_id}, {"x-should-retry": "false"}
    file_id = f"file-{len(server.files) + 1}"
    server.files[file_id] = {**form, "looks": 0}
    where = {"Location": f"{server.storage}/put/{file_id}", "X-Together-File-Id": file_id}
    return 302, None, where


def file_answer(server: TogetherServer, file_id: str, *, is_new: bool) -> Answer:
    entry = server.files.get(file_id)
    if entry is None:
        return 404, {"error": {"message": "no such file"}}, {}
    status = server.processing[0 if is_new else min(entry["looks"], len(server.processing) - 1)]
    entry["looks"] += 0 if is_new else 1
    value = {
        "id": file_id,
        "bytes": len(entry.get("content", b"")),
        "created_at": 1,
        "filename": entry["file_name"],
        "FileType": "jsonl",
        "object": "file",
        "purpose": "fine-tune",
        "processing_status": status,
    }
    if status == "INVALID_FORMAT":
        value["validation_report"] = {
            "valid": False,
            "error": server.report_error,
            "error_type": "INVALID_FORMAT",
        }
    return 200, value, {}


def limits_answer(server: TogetherServer, model: str) -> Answer:
    job = server.jobs.get(model)
    found = server.known_models.get(job.body.get("model") or BASE if job else model)
    if found is None:
        return 404, {"error": {"message": f"model {model} not found"}}, {}
    return 200, found, {}


def create_answer(server: TogetherServer, seen: Seen) -> Answer | None:
    with server.lock:
        plan = server.creating.pop(0) if len(server.creating) > 1 else server.creating[0]
        if plan.startswith("made"):
            job = Job(f"ft-{len(server.jobs) + 1}", seen.json, list(server.statuses))
            server.jobs[job.id] = job
    if "hang" in plan:
        server.release.wait(30)
        return None
    if plan[:3].isdigit():
        return int(plan[:3]), {"error": {"message": plan[4:] or "trouble"}}, {}
    return (500, {"error": {"message": "broke"}}, {}) if "500" in plan else (200, shown(server, job), {})


def shown(server: TogetherServer, job: Job) -> dict[str, Any]:
    base = (job.body.get("model") or BASE).split("/")[-1]
    return {
        "id": job.id,
        "status": job.status,
        "user_id": "u",
        "created_at": "2099-01-01T00:00:00Z",
        "training_file": job.body["training_file"],
        "model": job.body.get("model"),
        "model_output_name": f"me/{base}-{job.body['suffix']}-1a2b",
        "total_price": 4_100_000_000 if job.status == "completed" else None,
    }


def list_answer(server: TogetherServer) -> Answer:
    with server.lock:
        server.list_lags -= 1
        jobs = [] if server.list_lags >= 0 else [shown(server, job) for job in server.jobs.values()]
    if not server.lists_names:
        jobs = [{name: job[name] for name in job if name != "model_output_name"} for job in jobs]
    return 200, {"data": jobs}, {}


def job_answer(server: TogetherServer, job_id: str, what: str | None, seen: Seen) -> Answer:
    job = server.jobs.get(job_id)
    if job is None:
        return 404, {"error": {"message": "no such job"}}, {}
    if what == "events":
        return 200, {"data": events_of(server, job)}, {}
    if what == "metrics":
        first = int(seen.query.get("global_step_from", 0))
        steps = range(max(1, first), min(job.looks, 4) + 1)
        return 200, {"metrics": [{"global_step": step, "train/loss": 1 / step} for step in steps]}, {}
    if what == "cancel":
        if job.status in ("completed", "error"):
            return 400, {"error": {"message": "the job is over"}}, {}
        job.cancelled = True
    else:
        job.looks += 1
    return 200, shown(server, job), {}


def events_of(server: TogetherServer, job: Job) -> list[dict[str, Any]]:
    told = [("job_pending", "Job is pending", 0)]
    told += [("training_start", "Training started", 0)] if job.looks > 1 else []
    told += [("checkpoint_save", "Checkpoint saved", 4)] if job.looks > 2 else []
    told += [("job_error", server.error_event, 0)] if job.status == "error" else []
    return [
        {
            "object": "fine-tune-event",
            "created_at": f"2026-11-24T00:00:0{index}Z",
            "type": kind,
            "message": message,
            "level": "error" if kind == "job_error" else "info",
            "step": step,
            "total_steps": 4,
        }
        for index, (kind, message, step) in enumerate(told)
    ]
