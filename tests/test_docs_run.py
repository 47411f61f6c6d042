"""Every command in the documents runs, in the order in which a reader would type them.

A block marked `sh` is run as it stands, in a folder of its own with the embedded model; what needs a
server, a key or a certificate of the reader's stands in a block marked `text`, and its commands parse.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import PROJECT
from tests.test_docs import parsed

DOCS = sorted((PROJECT / "docs").glob("*.md"))


def blocks(path: Path, kind: str) -> list[str]:
    """The blocks of a kind, as they stand."""
    return re.findall(rf"```{kind}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def unquoted(text: str) -> list[str]:
    """The lines of a block, those that end in a backslash joined."""
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.embedded
@pytest.mark.parametrize("path", [path for path in DOCS if blocks(path, "sh")], ids=lambda path: path.stem)
def test_every_command_of_a_document_runs(path: Path, tmp_path: Path) -> None:
    models = os.environ.get("CHARACTER_TEST_MODELS") or str(PROJECT / "data" / "models")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DATA_PATH": str(tmp_path / "data"),
        "MODEL_PATH": models,
        "CHARACTER_CONFIG_PATH": str(tmp_path / "config"),
    }
    for line in (line for block in blocks(path, "sh") for line in unquoted(block)):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def text_commands() -> list[str]:
    lines = [line for path in DOCS for block in blocks(path, "text") for line in unquoted(block)]
    return [line for line in lines if line.startswith("character ")]


@pytest.mark.parametrize("line", text_commands())
def test_a_command_that_needs_something_of_the_readers_parses(line: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    parsed(re.sub(r"(--(?:hostfile|certificate|key)) \S+", rf"\1 {tmp_path / 'file'}", line))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.stem)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_every_command_in_a_table_is_a_verb_that_there_is() -> None:
    for path in DOCS:
        if path.stem == "from-oct":
            continue
        for command in re.findall(r"`(character [^`]+)`", path.read_text(encoding="utf-8")):
            words = shlex.split(command)
            assert words[1] in __import__("core.cli", fromlist=["character"]).character.commands, command
