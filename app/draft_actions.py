"""What buttons and fields of the New character page do. Every commit is on disk when it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from app import state
from app.commands import verb_words
from app.launch import launch
from app.reads import library, settings
from app.sidebar import title_of
from app.state import drafting as tab
from core.constitution import check_name
from core.drafting.clarifying import Answer
from core.drafting.mixing import mixed, proposed_name, summary_of
from core.drafting.replies import Draft, Proposed
from core.errors import CoreError
from core.slugs import slug_for
from core.store.drafting import MOST_DESCRIPTION, STEPS, Drafting, Draftings, Kept

PAGE = "draft"


def shelf() -> Draftings:
    """The characters in the making."""
    return Draftings(settings())


def _change(id: str, edit: Callable[[Drafting], Drafting]) -> bool:
    """Apply an edit on disk; a failure stays on the page. Whether it is saved."""
    state.complain(PAGE, None)
    try:
        shelf().change(_begun(id), edit)
    except CoreError as error:
        state.complain(PAGE, f"Not saved: {error} Your text is still on this page.")
        return False
    return True


def _begun(id: str) -> str:
    """The drafting that is meant; a new one begins with the first thing that is typed."""
    id = id or tab.chosen()
    if not id:
        id = shelf().begin().id
    tab.choose(id)
    return id


def save_description(id: str, key: str) -> None:
    """Save what is typed about the character."""
    text = str(state.widget(key) or "")[:MOST_DESCRIPTION]
    if not id and not text.strip():
        return
    _change(id, lambda one: replace(one, description=text))


def begin_with(text: str) -> None:
    """Begin a drafting with an example."""
    tab.choose("")
    _change("", lambda one: replace(one, description=text))


def go_to_step(id: str, step: str) -> None:
    """Show another step; where one was is on disk, so that it opens there again."""
    if step in STEPS:
        _change(id, lambda one: replace(one, step=step))


def save_answer(id: str, question: str, choices_key: str, own_key: str) -> None:
    """Save what is clicked and written under a question."""
    clicked = state.widget(choices_key)
    choices = tuple(clicked) if isinstance(clicked, list | tuple) else ((clicked,) if clicked else ())
    answer = Answer(choices, str(state.widget(own_key) or ""))
    _change(id, lambda one: replace(one, answers={**one.answers, question: answer}))


def open_drafting(id: str) -> None:
    """Go on with an unfinished one."""
    state.complain(PAGE, None)
    tab.choose(id)


def discard(id: str) -> None:
    """Discard a drafting; it can be brought back."""
    state.complain(PAGE, None)
    try:
        shelf().discard(id)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    if tab.chosen() == id:
        tab.choose("")
    state.say_once("Discarded. It can be brought back.", ":material/delete:")


def bring_back(id: str) -> None:
    """Take a discarding back and open it."""
    try:
        shelf().bring_back(id)
        tab.choose(id)
        state.say_once("It is back.")
    except CoreError as error:
        state.complain(PAGE, str(error))


def remove(id: str) -> None:
    """Remove a discarded drafting for good."""
    try:
        shelf().remove(id)
    except CoreError as error:
        state.complain(PAGE, str(error))


# ---- keeping


def toggle_trait(id: str, trait: Proposed, draft: str, key: str) -> None:
    """Keep a trait or let it go, as its box says now."""
    wished = bool(state.widget(key))
    _change(id, lambda one: _with_trait(one, trait, draft) if wished else _without(one, trait))


def keep_all(id: str, draft: Draft) -> None:
    """Keep every trait and example of a draft."""

    def edit(one: Drafting) -> Drafting:
        for trait in draft.traits:
            one = _with_trait(one, trait, draft.angle)
        new = [turns for turns in draft.exchanges if turns not in one.exchanges]
        return replace(one, exchanges=(*one.exchanges, *new))

    _change(id, edit)


def let_go(id: str, trait: Proposed) -> None:
    """Take a trait out of the mix."""
    _change(id, lambda one: _without(one, trait))


def move(id: str, trait: Proposed, step: int) -> None:
    """Move a kept trait up or down."""

    def edit(one: Drafting) -> Drafting:
        kept = list(one.kept)
        at = next((place for place, each in enumerate(kept) if each.trait.id == trait.id), -1)
        if at >= 0 and 0 <= at + step < len(kept):
            kept[at], kept[at + step] = kept[at + step], kept[at]
        return replace(one, kept=tuple(kept))

    _change(id, edit)


def toggle_exchange(id: str, turns: tuple[str, str], key: str) -> None:
    """Keep an example exchange or let it go."""
    wished = bool(state.widget(key))

    def edit(one: Drafting) -> Drafting:
        rest = tuple(each for each in one.exchanges if each != turns)
        return replace(one, exchanges=(*rest, turns) if wished else rest)

    _change(id, edit)


def _with_trait(one: Drafting, trait: Proposed, draft: str) -> Drafting:
    if any(kept.trait.id == trait.id for kept in one.kept):
        return one
    return replace(one, kept=(*one.kept, Kept(trait, draft)))


def _without(one: Drafting, trait: Proposed) -> Drafting:
    return replace(one, kept=tuple(kept for kept in one.kept if kept.trait.id != trait.id))


def put_aside(id: str, draft_id: str) -> None:
    """Fold a draft away."""
    _change(id, lambda one: replace(one, put_aside=(*one.put_aside, draft_id)))


def show_again(id: str, draft_id: str) -> None:
    """Unfold a draft that was put aside."""
    _change(
        id, lambda one: replace(one, put_aside=tuple(each for each in one.put_aside if each != draft_id))
    )


# ---- naming and making


def names() -> set[str]:
    """The names that are taken."""
    return {entry.name for entry in library().names()}


def save_name(id: str, key: str) -> None:
    """Save the wished name as it is typed."""
    _change(id, lambda one: replace(one, name=str(state.widget(key) or "").strip()))


def use_name(id: str, name: str) -> None:
    """Take a free name that is offered."""
    _change(id, lambda one: replace(one, name=name))


def name_of(one: Drafting, taken: set[str]) -> str:
    """The name it will have: as typed, else made of the description."""
    return slug_for(one.name) if one.name.strip() else proposed_name(one.description, taken)


def make(id: str) -> None:
    """Make the kept traits a character and open it; nothing that is there is overwritten."""
    state.complain(PAGE, None)
    try:
        one = shelf().load(id)
        name = name_of(one, names())
        if problems := check_name(name):
            state.complain(PAGE, "; ".join(str(problem) for problem in problems))
            return
        summary = summary_of(one.description, one.name)
        character = mixed(name, summary, [kept.trait for kept in one.kept], one.exchanges)
        library().save(character, base_revision=None, note="drafted")
        shelf().change(id, lambda before: replace(before, made=name))
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    tab.choose("")
    state.say_once(f"{title_of(name)} is made. Now read it, trait by trait.")
    state.choose_character(name)
    state.request_page("views/traits.py")


# ---- jobs


def subject(id: str) -> str:
    """What a drafting's jobs are about."""
    return f"drafting:{id}"


def draft_words(id: str, model: str, drafts: int, round: int) -> list[str]:
    """The command that writes the drafts."""
    flags = {"drafting": id, "model": model, "drafts": drafts, "seed": round or None}
    return verb_words("constitution draft", None, flags)


def ask_words(id: str, model: str, round: int) -> list[str]:
    """The command that asks for questions about the description."""
    flags = {"drafting": id, "model": model, "ask": True, "seed": round or None}
    return verb_words("constitution draft", None, flags)


def write_drafts(id: str, model: str, drafts: int, round: int, token: str) -> None:
    """Start the job that writes the drafts; a later round writes others."""
    words = draft_words(id, model, drafts, round)
    launch(words, title="Drafts of a character", subject=subject(id), token=token, page=PAGE)
    state.spend_token(f"drafts:{id}")


def ask_about_it(id: str, model: str, round: int, token: str) -> None:
    """Start the job that asks for questions about this description."""
    words = ask_words(id, model, round)
    launch(words, title="Questions about a character", subject=subject(id), token=token, page=PAGE)
    state.spend_token(f"ask:{id}")
