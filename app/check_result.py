"""A result on a Check page: the sentence that matters, one chart, the answers behind a bar, the method."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import streamlit as st

from app.check_answers import draw_answers
from app.check_chart import draw_chart
from app.check_details import draw_details
from app.check_kinds import About
from app.check_reads import Kept, damaged_results, is_current, kept_results, label_of, rows_of
from app.check_standing import draw_standing
from app.glossary import name, spoken
from app.job_card import dotted
from app.job_figures import reason_in_words
from app.launch_quote import sentence_case
from app.state.address import in_address
from app.widgets import plain
from app.wording import ago, counted, duration
from core import csv_safe
from core.charts.words import named
from core.constitution import Constitution
from core.evaluation.results import Cell, EvalResult, with_interval
from core.stages.evals.gate import present
from core.store.runs import Run


def draw_result(about: About, name: str, constitution: Constitution) -> Kept | None:
    """The newest result, or the one that was chosen; None when there is none."""
    every = kept_results(name, about.kind)
    for path in damaged_results(name, about.kind):
        text = f"A result cannot be read: {path}. Measure again; the answers are kept and not asked anew."
        st.error(plain(text), icon=":material/error:")
    if not every:
        return None
    kept = which(about, every)
    draw_headline(about, name, kept)
    draw_details(kept.result)
    draw_chart(about, kept, constitution)
    draw_answers(about, kept, constitution)
    draw_method(about, kept)
    return kept


def which(about: About, every: Sequence[Kept]) -> Kept:
    """The result that is shown; a choice where there are several. The address names an earlier one."""
    if len(every) == 1:
        return every[0]
    by_id = {one.id: one for one in every}
    key = f"check:{about.kind}:result:{every[0].result.constitution}"
    chosen = st.selectbox(
        "Result",
        list(by_id),
        key=in_address(key, every[0].id, options=by_id, name="result"),
        format_func=lambda id: label_of(by_id[id], every) if id in by_id else str(id),
        width=520,
        help="Newest first, with the settings by which they differ.",
    )
    return by_id.get(str(chosen), every[0])


def draw_headline(about: About, name: str, kept: Kept) -> None:
    """The sentence; what it rests on; whether it is whole and still about this character."""
    # Votes on the Rate page may have come since it was measured, for or against its judge.
    result = present(Run(kept.folder.parents[2]), kept.result)
    with st.container(gap="xxsmall"):
        st.subheader(
            plain(spoken(sentence_case(result.headline)) or "Measured; no sentence came of it."),
            anchor=False,
        )
        st.caption(dotted(facts(result)))
    if result.judge:
        draw_standing(result.judge)
    if not is_current(result, name):
        st.markdown(
            ":orange[:material/history:] Measured on an earlier version of the character. "
            "Measure again to see the present one."
        )
    if not result.complete:
        why = ", ".join(f"{count} {missing_word(reason)}" for reason, count in result.missing.items())
        text = f"Incomplete: {why or 'some answers are missing'}. Measure again: only those are asked."
        st.markdown(f":orange[:material/rule:] {plain(spoken(text))}")


def missing_word(reason: str) -> str:
    """Why something is missing, after its number: "left out at the spending limit"."""
    own = {
        "budget": "left out at the spending limit",
        "not asked": "not asked yet",
        "unscored": "not scored",
    }
    return own.get(reason) or reason_in_words(reason).lower()


def facts(result: EvalResult) -> str:
    """How many prompts of whom, how long it took, when."""
    models = dict.fromkeys(str(one.get("model") or "") for one in result.speakers.values())
    parts = [counted(result.prompts, "prompt")] if result.prompts else []
    parts += [", ".join(model for model in models if model)] if models else []
    parts += [f"took {duration(result.seconds)}"] if result.seconds >= 1 else []
    parts += [f"cost ${result.cost_usd:,.2f}"] if result.cost_usd else []
    return " · ".join([*parts, ago(time.time() - result.made_at)])


# ---- method, numbers, files


def draw_method(about: About, kept: Kept) -> None:
    """The caveats, every number, the exact settings; and both as files."""
    result = kept.result
    with st.expander("Method and caveats", icon=":material/straighten:"):
        for caveat in result.caveats:
            st.markdown(f"- {plain(spoken(caveat))}")
        st.caption(plain(settings_words(result)))
    with st.expander("All numbers", icon=":material/table:"):
        st.dataframe(table_of(result.cells), hide_index=True, width="stretch")
        draw_files(about, kept)


def settings_words(result: EvalResult) -> str:
    """The settings that decide the result, in a line."""
    told = [
        f"{name.replace('_', ' ')}: {_short(value)}"
        for name, value in result.settings.items()
        if value is not None and name != "speakers"
    ]
    hashes = [f"prompts {result.prompts_sha256[:8]}"] if result.prompts_sha256 else []
    hashes += [f"character {result.constitution_sha256[:8]}"] if result.constitution_sha256 else []
    return " · ".join([*told, f"seed: {result.seed}", *hashes])


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name.replace('_', ' ')} {_short(one)}" for name, one in value.items() if one != []
        )
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) == 64 and not set(text) - set("0123456789abcdef"):
        return text[:8]
    return text if len(text) <= 120 else f"{text[:117]}…"


def table_of(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Every cell as people read it."""
    return [
        {
            "What": cell.measure,
            "About": cell.group or "all",
            "Who": who_of(cell),
            "Value": with_interval(cell),
            "Stands": "" if cell.marked is None else ("yes" if cell.marked else "no"),
            "Note": cell.note,
        }
        for cell in cells
    ]


def who_of(cell: Cell) -> str:
    """Whose number it is, in the words of the charts: "after", "after − before"."""
    if cell.versus is None:
        return named(cell.speaker)
    return f"{named(cell.speaker)} {'against' if cell.unit == 'share' else '−'} {named(cell.versus)}"


def draw_files(about: About, kept: Kept) -> None:
    """The cells for a spreadsheet and the rows for a program."""
    stem = f"{kept.result.constitution}-{about.kind}-{kept.id}"
    with st.container(horizontal=True):
        st.download_button(
            "Numbers as CSV",
            lambda: csv_of(kept.result.cells),
            f"{stem}.csv",
            "text/csv",
            key=f"check:{about.kind}:csv",
            icon=":material/download:",
        )
        st.download_button(
            name("rows-file"),
            lambda: jsonl_of(rows_of(kept)),
            f"{stem}.jsonl",
            "application/x-ndjson",
            key=f"check:{about.kind}:jsonl",
            icon=":material/download:",
        )


def csv_of(cells: Sequence[Cell]) -> bytes:
    """Every cell as CSV with a header; no text in it is taken for a formula by a spreadsheet."""
    names = [field.name for field in fields(Cell)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(names)
    for cell in cells:
        writer.writerow([csv_safe.value(getattr(cell, name)) for name in names])
    return out.getvalue().encode()


def jsonl_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows, one a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
