"""Decisions about the pair on the screen: each acts on the pair it was drawn with, once, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from app import state
from app.pair_address import put, show_pair
from app.reads import settings
from app.state.person import person
from app.state.preferences import preference, set_preference
from app.state.review import acts_of, next_list_round, pop_act, remember_act, was_read
from core.errors import CoreError
from core.pair_edits import Decision, Side
from core.records import content_hash
from core.stages.reviewing import Review, Saying
from core.store.decisions import Undone, decide, undo, undo_last
from core.store.pair_index import View
from core.store.runs import Run
from core.store.typed import Typed

PAGE = "pairs"
TOO_SOON = "That key came before you can have read this pair, so it was not counted. Press it again."


@dataclass(frozen=True, slots=True)
class Drawn:
    """A pair as it stands on the screen: which run and pair, what follows, and the name of what is done."""

    run: Run
    pair: str
    following: str
    batch: str


def settle(drawn: Drawn, word: Decision) -> None:
    """Keep a decision and go on to the next pair; for callbacks."""
    if not was_read(drawn.pair):
        state.say_once(TOO_SOON, ":material/speed:")
        return
    if write(drawn, word):
        show_pair(drawn.following)


def write(drawn: Drawn, word: Decision) -> bool:
    """Keep a decision; False when that failed, which the page then says."""
    try:
        # Named after all that it says: what another tab or person says of this pair is no second press.
        name = f"{drawn.batch}-{content_hash(asdict(word))[:8]}"
        act = decide(drawn.run.folder, word, batch=name)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return False
    state.complain(PAGE, None)
    remember_act(drawn.run.id, act)
    return True


def drop(drawn: Drawn) -> None:
    """Drop a pair with the reason beside the button; for callbacks."""
    reason = state.widget(reason_key(drawn.pair)) or ""
    settle(drawn, Decision(drawn.pair, "drop", reason, person()))


def reason_key(pair: str) -> str:
    """The key of the reason's field."""
    return f"reason:{pair}"


def take_back(run: Run) -> None:
    """Take back the last act of this tab, or this person's last one, and show its pair; for callbacks."""
    act = pop_act(run.id)
    try:
        if act is None:
            last, done = undo_last(run.folder, person())
            if last is not None and len(last.decisions) == 1:
                show_pair(last.decisions[0].pair)
        else:
            done = undo(run.folder, act, person())
            show_pair_of(act)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    next_list_round()
    state.say_once(*told_undone(done))


def told_undone(done: Undone) -> tuple[str, str]:
    """What an undo did as a sentence, and its sign."""
    since = "somebody has decided about it since" if done.stayed == 1 else "somebody has decided since"
    if done.restored:
        stays = f" {done.stayed:,} stay{'s' if done.stayed == 1 else ''}: {since}." if done.stayed else ""
        return f"Taken back: {done.restored:,} as before.{stays}", ":material/undo:"
    if done.stayed:
        return f"Not taken back: {since}.", ":material/info:"
    return "There is nothing to take back.", ":material/info:"


def show_pair_of(act: str) -> None:
    """Go to the pair that an act was about; a bulk act leaves the page where it is."""
    pair = act.split("-")[0]
    if act.startswith("bulk"):
        return
    show_pair(pair)


def decide_all(review: Review, view: View, numbers: Sequence[int], saying: Saying, batch: str) -> None:
    """Decide about many pairs of a view at once, as one act with one undo; for callbacks."""
    if batch in acts_of(review.run.id):
        return  # pressed twice
    try:
        done = review.decide_alike(view, numbers, saying, batch=batch)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    state.complain(PAGE, None)
    next_list_round()
    if done.decided:
        remember_act(review.run.id, done.act)
    stay = f" {done.stayed:,} stay as they are: they changed since they were shown." if done.stayed else ""
    undo_too = " Undo takes all of them back." if done.decided else ""
    state.say_once(f"{done.decided:,} decided.{stay}{undo_too}", ":material/done_all:")


# ---- editing


def editing(pair: str) -> bool:
    """Whether the pair is being edited: it says so in the address, so a reload finds it open."""
    return st.query_params.get("edit") == pair


def open_editor(pair: str) -> None:
    """Begin to edit a pair; for callbacks."""
    put(edit=pair)


def close_editor(pair: str) -> None:
    """Stop editing and forget what was typed; for callbacks."""
    typed().keep(typed_key(pair), "")
    state.show_saved(typed_key(pair))
    put(edit=None)


def typed() -> Typed:
    """What was typed and is not used yet, on disk."""
    return Typed(settings())


def typed_key(pair: str) -> str:
    """The name of a pair's unfinished answer."""
    return f"pair-edit:{pair}"


def keep_typing(pair: str) -> None:
    """Keep an unfinished answer on disk; for callbacks."""
    try:
        typed().keep(typed_key(pair), state.widget(typed_key(pair)) or "")
    except CoreError as error:
        state.complain(PAGE, str(error))


def save_edit(drawn: Drawn, rejects_key: str) -> None:
    """The typed answer becomes the chosen one; for callbacks. What was typed stays until that is done."""
    text = (state.widget(typed_key(drawn.pair)) or "").strip()
    rejects: Side = "student" if state.widget(rejects_key) == "student" else "teacher"
    word = Decision(drawn.pair, "edit", reviewer=person(), text=text, rejects=rejects)
    if write(drawn, word):
        close_editor(drawn.pair)
        state.say_once("Saved. The answer before it is the rejected one now.")


# ---- keys


def keys_on() -> bool:
    """Whether keys decide; the choice is remembered."""
    return bool(preference("review_keys", True))


def switch_keys(key: str) -> None:
    """Keep whether keys decide; for callbacks."""
    set_preference("review_keys", bool(state.widget(key)))
