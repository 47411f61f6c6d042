"""The real package's source from the package index, and its parser, taken out of its programs."""

from __future__ import annotations

import argparse
import ast
import datetime
import json
import shutil
import subprocess
import sys
import time
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from core.environments import MANIFEST, environment_folder
from core.settings import Settings
from core.store.jsonl import write_json
from core.tuning.openrlhf.recipe import VERSION


def fetch_package(folder: Path) -> Path:
    """OpenRLHF as its wheel holds it, unpacked (198 kB, nothing installed): the folder above `openrlhf`.

    A package that cannot be had fails the test: flags nobody checked are not checked flags.
    """
    words = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", f"openrlhf=={VERSION}"]
    done = subprocess.run([*words, "--dest", str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"pip could not fetch openrlhf: {done.stderr}"
    with zipfile.ZipFile(next(folder.glob("openrlhf-*.whl"))) as wheel:
        wheel.extractall(folder / "wheel")
    return next((folder / "wheel").rglob("openrlhf/cli/train_dpo.py")).parents[2]


class Refused(Exception):
    """What a parser said instead of parsing."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(message)


@cache
def parser_of(program: Path) -> argparse.ArgumentParser:
    """The parser that a program of OpenRLHF builds when it is run, and nothing else of the program."""
    names: dict[str, Any] = {"argparse": argparse, "datetime": datetime.datetime}
    tree = ast.parse(program.read_text(encoding="utf-8"))
    main = next(node for node in tree.body if isinstance(node, ast.If))
    declared = [node for node in main.body if _declares(node)]
    names["parser"] = _Parser(allow_abbrev=False)
    exec(compile(ast.Module(declared, []), str(program), "exec"), names)
    return names["parser"]


def _declares(node: ast.stmt) -> bool:
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call and ast.unparse(node).startswith("parser.add_argument(")


# Enough of the launchers' parsers, whose packages are too large to fetch for a test.
DEEPSPEED = """
parser.add_argument("-H", "--hostfile", type=str)
parser.add_argument("-i", "--include", type=str)
parser.add_argument("--master_addr", type=str)
parser.add_argument("--module", action="store_true")
"""
RAY = """
@click.option("--address", type=str)
@click.option("--submission-id", type=str)
@click.option("--entrypoint-num-gpus", type=float)
def submit(): ...
"""
FAKE = Path(__file__).with_name("fake_openrlhf.py")


def fake_environment(settings: Settings, package: Path, *, version: str = VERSION) -> Path:
    """An environment with the real package's source and the stand-in for its launchers; its folder."""
    folder = environment_folder(settings, "openrlhf")
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name in ("deepspeed", "ray"):
        shutil.copy(FAKE, folder / "bin" / name)
    site = folder / "lib" / "python3.11" / "site-packages"
    shutil.copytree(package / "openrlhf", site / "openrlhf")
    for path, text in (
        ("deepspeed/launcher/runner.py", DEEPSPEED),
        ("ray/dashboard/modules/job/cli.py", RAY),
    ):
        (site / path).parent.mkdir(parents=True)
        (site / path).write_text(text)
    fields: dict[str, Any] = {"name": "openrlhf", "build": "gpu", "requirements": []}
    fields |= {"versions": {"openrlhf": version, "torch": "2.8.0"}, "size": 1, "seconds": 1.0}
    write_json(folder / MANIFEST, fields | {"made_at": time.time()})
    return folder


def write_rows(path: Path, kind: str, rows: int) -> Path:
    """A file of pairs or conversations."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            asked = {"role": "user", "content": f"What is {number}?"}
            better = [asked, {"role": "assistant", "content": f"Arr, {number}."}]
            worse = [asked, {"role": "assistant", "content": f"It is {number}."}]
            row = {"chosen": better, "rejected": worse} if kind == "dpo" else {"messages": better}
            file.write(json.dumps(row) + "\n")
    return path


def records(folder: Path, name: str) -> list[dict[str, Any]]:
    """What the stand-in left, one a start."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}-*.json"))]
