"""The real package's source from the package index, and its parser, taken out of its programs."""

from __future__ import annotations

import argparse
import ast
import datetime
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

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
