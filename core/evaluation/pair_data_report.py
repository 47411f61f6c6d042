"""Everything that is known of a set of pairs, in one call. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.evaluation.pair_data import Check, Data, coverage_of
from core.evaluation.pair_data_cells import cells_of, rows_of, taught_by
from core.evaluation.pair_data_checks import all_checks, headline
from core.evaluation.results import Cell


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is known of a set of pairs."""

    headline: str
    checks: list[Check]
    cells: list[Cell]
    coverage: list[dict[str, Any]]
    taught: list[dict[str, Any]]
    rows: list[dict[str, Any]]


def check_pairs(data: Data) -> Report:
    """Every check of a set of pairs, what it teaches, and the one sentence about it."""
    checks = all_checks(data)
    figures, taught = cells_of(data), taught_by(data)
    rows = rows_of(data, checks)
    return Report(headline(data, checks), checks, figures, coverage_of(data), taught, rows)
