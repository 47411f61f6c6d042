"""What every training command shares: a JSON config in, progress and words while it runs, a JSON line out.

    python -m training.dpo --config FILE       FILE may be "-" for standard input

Exit codes: 0 done · 1 failed, one sentence why · 2 usage · 130 stopped, the last finished step saved.
The last line of standard output is one JSON object: `verb`, `status` (done, failed, interrupted) and more.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CoreError
from training.files import as_line
from training.problems import Stopped, TrainingError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
Work = Callable[[Mapping[str, Any]], dict[str, Any]]


def main(verb: str, work: Work, arguments: Sequence[str] | None = None) -> int:
    """Run a command with its config file and print its result; the exit code comes back."""
    parser = argparse.ArgumentParser(prog=f"python -m training.{verb}")
    parser.add_argument("--config", required=True, help='a JSON file, or "-"')
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    prepare_process()
    started = time.monotonic()
    try:
        result = work(read_config(options.config))
        code = DONE if result["status"] == "done" else FAILED
    except (Stopped, KeyboardInterrupt):
        result, code = {"status": "interrupted", "message": STOPPED}, INTERRUPTED
    except CoreError as error:
        result, code = {"status": "failed", "message": str(error)}, FAILED
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        result, code = {"status": "failed", "message": OUT_OF_MEMORY}, FAILED
    if code:
        print(result.get("message", ""), file=sys.stderr, flush=True)
    seconds = round(time.monotonic() - started, 2)
    print(as_line({"verb": verb, **result, "seconds": seconds}), flush=True)
    return code


STOPPED = "Stopped. What is finished is saved; run the same command again to go on."
OUT_OF_MEMORY = "There is not enough memory. Lower micro_batch or max_length, or close other programs."


def _stop(*_: Any) -> None:
    raise Stopped


def _is_out_of_memory(error: Exception) -> bool:
    """Whether it is Python's, CUDA's or torch's own word for it: the last two are plain RuntimeErrors."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def prepare_process() -> None:
    """Settings of the process that make training faster; none changes a result."""
    # glibc gives large blocks back at once and gets them again, zeroed, at the next layer: keep them.
    no_maps, never_trim = (-4, 0), (-1, (1 << 31) - 1)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for option, value in (no_maps, never_trim):
            getattr(libc, "mallopt", lambda *_: 0)(option, value)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def read_config(place: str) -> dict[str, Any]:
    """The JSON object in a file. Raises TrainingError."""
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
        value = json.loads(text)
    except (OSError, ValueError) as error:
        raise TrainingError(f"The config {place} cannot be read: {error}.") from error
    if not isinstance(value, dict):
        raise TrainingError(f"The config {place} is not a JSON object.")
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a config: its type in words, whether it must be there, and its default."""

    kinds: tuple[type, ...]
    default: Any = None
    required: bool = False


def checked(config: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """The config with defaults filled in. Raises TrainingError with every problem at once."""
    problems = [
        f"{name}: no such entry (known: {', '.join(fields)})" for name in config if name not in fields
    ]
    for name, field in fields.items():
        value = config.get(name)
        if value is None and field.required:
            problems.append(f"{name}: missing")
        elif value is not None and (not isinstance(value, field.kinds) or _is_stray_bool(value, field)):
            problems.append(
                f"{name}: {value!r} is not a {' or '.join(kind.__name__ for kind in field.kinds)}"
            )
    if problems:
        raise TrainingError("The config cannot be used: " + "; ".join(problems) + ".")
    return {
        name: field.default if config.get(name) is None else config[name] for name, field in fields.items()
    }


def _is_stray_bool(value: Any, field: Field) -> bool:
    return isinstance(value, bool) and bool not in field.kinds
