"""The answer that somebody reacts to: a pair's prompt, its chosen answer and its trait."""

from __future__ import annotations

from core.drafting.reactions import Kind, Reaction
from core.errors import RunError
from core.stages.dpo_data import PairJob, pair_rows, sources_of
from core.store.reactions import Said, reactions
from core.store.runs import Run


def reaction_to_pair(run: Run, pair: str, kind: Kind, text: str) -> Reaction:
    """A reaction to the chosen answer of a pair. Raises RunError when the run has no such pair."""
    rows = pair_rows(run, sources_of(run, PairJob()), PairJob(), lambda prompt, row: 0)
    for row in rows:
        if row["id"] == pair:
            return Reaction(kind, text, row["text"], row["chosen"] or "", row["trait"] or "")
    raise RunError(f"Run {run.id} has no pair {pair[:40]!r}; the Pairs page shows each pair's id.")


def said_before(run: Run, reaction_id: str) -> Said:
    """The recorded reaction of an id. Raises RunError."""
    for said in reactions(run.folder):
        if said.id == reaction_id:
            return said
    raise RunError(f"Run {run.id} has no reaction {reaction_id[:40]!r}.")
