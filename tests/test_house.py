"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import PROJECT

PURE = {
    "records": set(),
    "errors": set(),
    "slugs": {"errors"},
    "texts": None,
    "titles": {"slugs"},
    "strict_json": None,
    "similarity": {"records"},
    "names": {"errors"},
    "prices": {"names", "records"},
    "spending": {"errors"},
    "constitution": None,
    "whole": None,
    "price_tag": None,
    "interchange": None,
    "prompts": None,
    "pairs": None,
    "pair_edits": {"pairs"},
    "pair_filter": set(),
    "pair_evidence": None,
    "csv_safe": set(),
    "exports": None,
    "decision_log": {"pair_edits", "records"},
    "dialogues": None,
    "dialogue_quality": None,
    "diff": set(),
    "editing": set(),
    "changes": set(),
    "sittings": set(),
    "merging": set(),
    "first_steps": set(),
    "gallery": {"errors", "strict_json"},
    "sample": set(),
    "glossary": {"glossary_checks", "glossary_terms"},
    "glossary_checks": {"glossary_terms"},
    "glossary_terms": set(),
    "switchboard": None,
    "attacks": None,
    "expansion": None,
    "prompt_lists": None,
    "prompt_review": None,
    "formats": {"errors"},
    "cards/first_person": set(),
    "cards/model": None,
    "cards/png": None,
    "cards/proposing": None,
    "cards/reading": None,
    "cards/sentences": set(),
    "cards/writing": None,
    "model_card": None,
    "bulk/pace": None,
    "bulk/retries": None,
    "voice": set(),
    "telling_apart": set(),
    "trials": None,
    "tuning/recipe": {"errors", "formats"},
    "tuning/presets": {"formats"},
    "tuning/endpoints/offer": set(),
    "tuning/openrlhf/recipe": None,
    "tuning/openrlhf/command": None,
    "tuning/openrlhf/parser": None,
    "tuning/openrlhf/progress": None,
    "tuning/limits": None,
    "tuning/openrlhf/gate": None,
    "tuning/openrlhf/cures": None,
}
EDGES = (
    "core.store",
    "core.engines",
    "core.jobs",
    "core.settings",
    "core.embedded",
    "core.serving",
    "core.environments",
    "core.guarded",
    "core.stages",
    "core.cli",
)
PURE |= {
    str(path.relative_to(PROJECT / "core").with_suffix("")): None
    for folder in ("charts", "evaluation", "lineage", "linting", "drafting", "report")
    for path in (PROJECT / "core" / folder).rglob("*.py")
}
HEAVY = (
    "streamlit",
    "torch",
    "pandas",
    "vllm",
    "openai",
    "together",
    "trl",
    "transformers",
    "xllamacpp",
    "sklearn",
    "scipy",
)


def sources(folder: str) -> list[Path]:
    return sorted((PROJECT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports while it loads; imports inside functions do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _at_load(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _at_load(tree: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _at_load(child)


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_touches_no_edge(name: str) -> None:
    found = {module for module in imports(PROJECT / "core" / f"{name}.py") if module.startswith(EDGES)}
    assert not found
    effects = {"os", "subprocess", "socket", "aiohttp", "sqlite3", "tempfile", "shutil", "time"}
    assert not effects & set(imports(PROJECT / "core" / f"{name}.py"))


def test_core_knows_neither_the_app_nor_the_trainer_and_loads_no_heavy_package() -> None:
    for path in sources("core"):
        for module in imports(path):
            assert module.split(".")[0] not in ("app", "training", *HEAVY), f"{path} imports {module}"


def test_the_app_and_the_trainer_do_not_know_each_other() -> None:
    for folder, other in (("app", "training"), ("training", "app")):
        for path in sources(folder):
            assert other not in {module.split(".")[0] for module in imports(path)}, path


def test_engines_know_nothing_of_characters_and_stages_nothing_of_the_shell() -> None:
    for path in sources("core/engines"):
        assert "core.constitution" not in set(imports(path)), path
    for path in [*sources("core/stages"), *sources("core/store"), *sources("core/engines")]:
        assert not any(module.startswith("core.cli") for module in imports(path)), path


def test_a_fresh_interpreter_loads_the_command_line_without_heavy_packages() -> None:
    probe = (
        f"import sys, core.cli; print([name for name in {HEAVY!r} if name in sys.modules]); "
        "print('core.cli' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


def calls_of(path: Path) -> Iterator[ast.Call]:
    return (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    )


def test_nothing_goes_through_a_shell() -> None:
    for path in [*sources("core"), *sources("app"), *sources("training")]:
        for call in calls_of(path):
            assert not any(word.arg == "shell" for word in call.keywords), path


def test_session_state_is_touched_in_one_place() -> None:
    for path in sources("app"):
        if path.parent.name != "state":
            assert "session_state" not in path.read_text(encoding="utf-8"), path


def test_model_text_is_never_trusted_as_html() -> None:
    for path in sources("app"):
        text = path.read_text(encoding="utf-8")
        assert "unsafe_allow_html=True" not in text, path
        assert "unsafe_allow_javascript=True" not in text, path
        if path.name != "widgets.py":
            assert "st.html(" not in text, f"{path}: draw model text with widgets.answer_text"
            assert "st.text(" not in text, f"{path}: draw text from anywhere with widgets.plain_text"


def test_every_module_opens_by_saying_what_it_is() -> None:
    for folder in ("core", "app", "training", "bench", "tests"):
        for path in sources(folder):
            if path.read_text(encoding="utf-8").strip():
                assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
