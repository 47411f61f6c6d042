"""What the votes say, once it may be known: who won, how far judge and people agree, who was who."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.check_words import GATES
from app.glossary import meaning
from app.widgets import plain
from core.evaluation.ratings import SCORES, Verdict
from core.evaluation.results import Cell, EvalResult, shown_share, with_interval
from core.stages.evals.gate import verdicts_of
from core.stages.evals.ratings import Material, rated, votes_csv
from core.store.runs import Run

SAID = {"win": "the trained one", "tie": "neither", "loss": "the plain one"}
LONGEST = 160


def draw_results(run: Run, material: Material, rater: str, question: str) -> None:
    """The sentence, the numbers that matter, the judge, and every vote with its names."""
    result = rated(run, question, material)
    if not result.rows:
        return
    st.subheader(plain(result.headline), anchor=False)
    numbers(result)
    draw_judge_gate(result, material)
    if result.caveats:
        st.caption(plain(" ".join(result.caveats)))
    draw_votes(run, result, material, rater)
    with st.expander("All numbers", icon=":material/table:"):
        st.dataframe(number_table(result.cells), hide_index=True, width="stretch")
        st.download_button(
            "Download the votes",
            votes_csv(run),
            f"{result.constitution}-votes.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def numbers(result: EvalResult) -> None:
    """At most four numbers, each with its interval."""
    cells = [
        ("Trained one preferred", _cell(result, "win rate")),
        ("Ties: both good or both bad", _cell(result, "tie")),
        ("Left one taken", _cell(result, "left share")),
        ("The judge agrees", _cell(result, "kappa")),
    ]
    with st.container(horizontal=True):
        for label, cell in cells:
            if cell is not None and cell.value is not None:
                about = f"\n\n{meaning('kappa')}" if cell.measure == "kappa" else ""
                st.metric(
                    label, short(cell), help=with_interval(cell) + about, border=True, width="stretch"
                )


def number_table(cells: Sequence[Cell]) -> list[dict[str, str]]:
    """Every number with its interval, as people read it."""
    return [
        {
            "What": cell.measure,
            "Of whom": cell.group or cell.speaker,
            "Value": with_interval(cell),
            "Note": cell.note if cell.value is not None else "",
        }
        for cell in cells
    ]


def _cell(result: EvalResult, measure: str) -> Cell | None:
    return next(iter(result.find(measure, group="")), None)


def short(cell: Cell) -> str:
    """A value alone."""
    if cell.unit == "rank":
        return f"{cell.value:.2f}".replace("-", "−")
    return shown_share(cell.value)


def draw_judge_gate(result: EvalResult, material: Material) -> None:
    """Whether the judge may headline; without one, how to get one."""
    if result.judge is not None:
        icon, word, colour = GATES.get(str(result.judge.get("gate")), GATES["unmeasured"])
        st.markdown(f":{colour}[{icon} {word}] · {plain(str(result.judge.get('sentence', '')))}")
        fixed = next((one for one in result.cells if one.measure == "bias-corrected win rate"), None)
        if fixed is not None:
            st.caption(plain(corrected_words(fixed)))
        return
    icon, _, colour = GATES["unmeasured"]
    text = "No judge has read these pairs yet. Compare answers with one on the Coherence page; votes that "
    st.markdown(f":{colour}[{icon}] {text}you have given count as soon as the same answers are judged.")


def corrected_words(cell: Cell) -> str:
    """The judge's rate without its errors, in a sentence."""
    if cell.value is None:
        return cell.note
    return (
        f"With the judge's errors taken out, the trained model wins {with_interval(cell)} of the pairs "
        "that the judge read, ties left aside."
    )


def draw_votes(run: Run, result: EvalResult, material: Material, rater: str) -> None:
    """Each of the rater's votes: what was asked, what stood where, what was said, what the judge said."""
    mine = [row for row in result.rows if row["group"] == rater]
    if not mine:
        return
    verdicts = verdicts_of(run, material.judge) if material.judge else []
    question = str(result.settings.get("question"))
    with st.expander(f"What you voted for ({len(mine)})", icon=":material/how_to_vote:"):
        st.dataframe(vote_table(mine, verdicts, question), hide_index=True, width="stretch")


def vote_table(
    rows: Sequence[dict[str, Any]], verdicts: Sequence[Verdict], question: str
) -> list[dict[str, str]]:
    """The votes as people read them; a dataframe shows text as text."""
    judged = {one.pair: one.outcome for one in verdicts if one.question == question}
    return [
        {
            "Question": _cut(row["asked"]),
            "You preferred": SAID[row["outcome"]] if row["outcome"] != "tie" else row["choice"],
            **(
                {"The judge": SAID[judged[row["pair"]]] if row["pair"] in judged else "–"} if judged else {}
            ),
            "Stood left": SAID["win"] if row["left"] == row["speaker"] else SAID["loss"],
            "Trained": _cut(row["text"]),
            "Plain": _cut(row["other"]),
        }
        for row in rows
        if row["outcome"] in SCORES
    ]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
