"""What is ticked on the switchboard and who answers: in the address, and on disk for the next visit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app import state
from app.pair_launch import EMBEDDED
from app.reads import settings
from app.state.address import held_word, set_word, word
from core.constitution import Constitution
from core.errors import CoreError, SettingsError
from core.store.switchboard import SIDES, Board, Boards, Side, boards
from core.switchboard import Ticks, as_text, everything, from_text, toggled, without

PAGE = "switchboard"
MODEL = "switchboard:model"


@dataclass(frozen=True, slots=True)
class Choice:
    """Both tick sets and the model of a character's switchboard."""

    constitution: Constitution
    a: Ticks
    b: Ticks
    model: str

    def of(self, side: Side) -> Ticks:
        """What is on for one side."""
        return self.a if side == "a" else self.b

    def text(self, side: Side) -> str:
        """The same as a word for an address."""
        return as_text(self.constitution, self.of(side))


def board_of(name: str) -> tuple[Boards, Board]:
    """The switchboard on disk, and how it was left."""
    found = boards(settings(), name)
    return found, found.read()


def chosen(constitution: Constitution, board: Board) -> Choice:
    """What stands in the address, else on disk, else everything beside nothing."""
    name = constitution.name
    texts = {side: word(side, key_of(name, side)) or getattr(board, side) for side in SIDES}
    read = {side: ticks_in(constitution, text) for side, text in texts.items()}
    return Choice(
        constitution,
        read["a"] or everything(constitution),
        read["b"] or Ticks(),
        word("model", key_of(name, "model")) or board.model or EMBEDDED,
    )


def key_of(name: str, what: str) -> str:
    """Under which key the tab has one word of a character's switchboard."""
    return f"{PAGE}:{name}:{what}"


def now(drawn: Choice) -> Choice:
    """What is chosen at this moment; for callbacks: a button may have been drawn before the last tick."""
    of = drawn.constitution
    a, b, model = (held_word(key_of(of.name, what)) or "" for what in ("a", "b", "model"))
    return Choice(of, ticks_in(of, a) or drawn.a, ticks_in(of, b) or drawn.b, model or drawn.model)


def ticks_in(constitution: Constitution, text: str) -> Ticks | None:
    """The ticks in a text; None where it holds none, as after a mistyped address."""
    try:
        return from_text(constitution, text) if text else None
    except SettingsError:
        return None


def show(choice: Choice) -> None:
    """Put a choice into the address, and keep it for the callbacks of this tab."""
    wanted = {"a": choice.text("a"), "b": choice.text("b"), "model": choice.model}
    for what, text in wanted.items():
        set_word(what, key_of(choice.constitution.name, what), text)


# ---- callbacks


def keep(choice: Choice) -> None:
    """Keep a choice in the address and on disk; a failure stays on the page."""
    show(choice)
    state.complain(PAGE, None)
    try:
        board_of(choice.constitution.name)[0].tick(choice.text("a"), choice.text("b"), choice.model)
    except CoreError as error:
        state.complain(PAGE, str(error))


def tick(drawn: Choice, side: Side, id: str, key: str) -> None:
    """Switch one thing on or off on one side."""
    choice = now(drawn)
    ticks = toggled(choice.constitution, choice.of(side), id, bool(state.widget(key)))
    keep(replace(choice, a=ticks) if side == "a" else replace(choice, b=ticks))


def preset(drawn: Choice, a: Ticks, b: Ticks) -> None:
    """Put both sides as a preset says."""
    keep(replace(now(drawn), a=a, b=b))


def same_on_both(drawn: Choice) -> None:
    """Put the second side as the first is."""
    choice = now(drawn)
    keep(replace(choice, b=choice.a))


def leave_out(choice: Choice, key: str) -> None:
    """Everything beside everything but the one that was chosen in the field, which empties itself."""
    id = state.widget(key)
    state.fill(key, None)
    if id:
        preset(choice, everything(choice.constitution), without(choice.constitution, id))


def take_model(drawn: Choice, key: str) -> None:
    """Take the model that was typed."""
    keep(replace(now(drawn), model=(state.widget(key) or EMBEDDED).strip()))
