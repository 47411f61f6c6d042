"""The README is true: its commands run, its tree exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import PROJECT
from tests.test_docs import parsed

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def blocks() -> list[str]:
    return re.findall(r"```(?:sh)?\n(.*?)```", README, re.DOTALL)


def character_lines() -> list[str]:
    return [line for block in blocks() for line in block.splitlines() if line.startswith("character ")]


def test_the_two_make_commands_exist_and_lead_where_they_say() -> None:
    for target, expected in (("studio", "character studio"), ("test", "pytest")):
        assert f"make {target}" in README
        done = subprocess.run(
            ["make", "-n", target], cwd=PROJECT, capture_output=True, text=True, check=True
        )
        assert expected in done.stdout


def test_ci_runs_the_readmes_test_command_and_nothing_else() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "make test"


@pytest.mark.parametrize("line", character_lines())
def test_every_command_in_the_readme_parses(line: str) -> None:
    parsed(line)


def test_every_path_in_the_tree_exists() -> None:
    tree = next(block for block in blocks() if block.startswith("constitutions/"))
    parent = ""
    for line in tree.splitlines():
        name = line.split()[0].rstrip(",")
        parent = name if not line.startswith(" ") else parent
        path = PROJECT / name if not line.startswith(" ") else PROJECT / parent / name
        assert path.exists() or path.with_suffix(".py").exists(), line


def test_the_picture_is_there() -> None:
    for target in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (PROJECT / target).stat().st_size > 10_000


@pytest.mark.embedded
def test_the_readmes_shell_commands_end_in_a_dpo_file_and_ask_nothing_twice(tmp_path: Path) -> None:
    models = os.environ.get("CHARACTER_TEST_MODELS") or str(PROJECT / "data" / "models")
    environment = {**os.environ, "MODEL_PATH": models}

    def run(line: str) -> dict[str, object]:
        words = shlex.split(line.replace("--limit 24", "--limit 3"))[1:]
        done = subprocess.run(
            [sys.executable, "-m", "core", *words, "--json"],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    # Training and the trial have tests of their own, on smaller data.
    verbs = ("teacher", "student", "dpo-data")
    lines = [line for line in character_lines() if line.split()[1] in verbs and "openrouter/" not in line]
    assert len(lines) == 3
    first = [run(line) for line in lines]
    path = Path(str(first[-1]["files"][0]))  # type: ignore[index]
    assert path == tmp_path / "data" / "dpo" / "smollm2-135m" / "pirate.jsonl"
    assert all(set(json.loads(row)) == {"chosen", "rejected"} for row in path.read_text().splitlines())
    assert [run(line)["requests"] for line in lines] == [0, 0, 0]
