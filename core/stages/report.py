"""`character report`: reads what a run holds and writes the article, once as a page and once as JSON.

runs/<run>/report/<name>.html    one file that opens anywhere, without a network
runs/<run>/report/<name>.json    the same, for programs (`core.report.model.SCHEMA`)
"""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.errors import RunError
from core.evaluation.results import KINDS, EvalResult
from core.report.article import article, scrubbed
from core.report.model import Report
from core.report.page import page_of
from core.report.sections import Material
from core.settings import PROJECT, Settings, redact
from core.stages.evals.gate import present
from core.stages.evals.keeping import latest
from core.stages.report_sources import data_sheet, learned, read_object
from core.store.jsonl import write_atomic, write_json
from core.store.runs import Run


def report_of(run: Run, settings: Settings) -> Report:
    """Everything that is known about a run's character, with no key and no path of this machine in it.

    Raises RunError when the run is damaged; evaluations that are missing are named in the report.
    """
    character = run.constitution()
    material = Material(
        character,
        run.id,
        _results(run),
        data_sheet(run),
        learned(settings, character.name),
        read_object(run.folder / "trial" / "result.json"),
        _date(time.time()),
        _version(),
    )
    return scrubbed(article(material), lambda text: private(text, settings))


def write_report(
    run: Run, settings: Settings, output: Path | None = None, report: Report | None = None
) -> tuple[Path, Path]:
    """Write page and JSON of a report, made unless given; returns their paths. Raises RunError."""
    report = report or report_of(run, settings)
    page = output or run.folder / "report" / f"{report.name}.html"
    if page.suffix.lower() not in (".html", ".htm"):
        raise RunError(f"{page.name} is no page's name: let --output end with .html.")
    try:
        write_atomic(page, page_of(report))
        write_json(page.with_suffix(".json"), report.as_dict())
    except OSError as error:
        raise RunError(
            f"Cannot write {page}: {(error.strerror or str(error)).lower()}. "
            "Choose another place: --output FILE."
        ) from error
    return page, page.with_suffix(".json")


def private(text: str, settings: Settings) -> str:
    """Text without keys, and without the folders of this machine."""
    if "/" not in text and "\\" not in text:
        return redact(text, settings.secrets())
    for root, instead in _roots(settings):
        text = text.replace(f"{root}/", instead).replace(root, instead.rstrip("/") or "…")
    return redact(text, settings.secrets())


def _roots(settings: Settings) -> list[tuple[str, str]]:
    """Folders of this machine and what stands for them, the longest first."""
    ours = (
        settings.data_path,
        settings.model_path,
        settings.lora_path,
        settings.constitution_path,
        PROJECT,
        Path.cwd(),
    )
    found = {str(path.absolute()): "" for path in ours} | {str(path.resolve()): "" for path in ours}
    found |= {str(settings.config_path.absolute()): "", str(Path.home()): "~/"}
    return sorted(
        ((root, word) for root, word in found.items() if len(root) > 3), key=lambda pair: -len(pair[0])
    )


def _results(run: Run) -> dict[str, EvalResult]:
    """The newest result of each kind, with its rows, as it reads after people's votes."""
    found = {kind: latest(run, kind) for kind in KINDS}
    return {kind: present(run, result) for kind, result in found.items() if result}


def _date(at: float) -> str:
    """A day as people write it: "26 November 2026"."""
    return time.strftime("%d %B %Y", time.localtime(at)).lstrip("0")


def _version() -> str:
    try:
        return version("character-studio")
    except PackageNotFoundError:
        return ""
