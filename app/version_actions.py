"""What the Versions page does with a version: name it, go back to it, branch from it. All callbacks."""

from __future__ import annotations

from app import state
from app.editor import Open, go_back_to
from app.reads import library
from app.sidebar import title_of
from app.state.person import person
from app.version_words import title_of_version
from core.constitution import check_name, slug_for
from core.editing import Value
from core.errors import CoreError
from core.store.branching import branch
from core.store.history import Version

PAGE = "versions"


def call(name: str, version: Version, name_key: str, remark_key: str) -> None:
    """Save a version's name and note as they stand in their boxes."""
    state.complain(PAGE, None)
    title, remark = (str(state.widget(key) or "").strip() for key in (name_key, remark_key))
    if (title, remark) == (version.name, version.remark):
        return
    try:
        library().call_version(name, version, title, remark, person())
    except CoreError as error:
        state.complain(PAGE, str(error))


def restore(opened: Open, version: Version, value: Value) -> None:
    """Save a version as the newest state; undo takes it back, and the present state stays in the list."""
    note = f"back to {title_of_version(version)}, {version.revision[:8]}"
    if go_back_to(opened, {**value, "name": opened.name}, note):
        state.say_once("It is as it was then. Undo takes it back.", ":material/history:")


def branch_off(name: str, version: Version, key: str) -> None:
    """Make a new character of a version and open it."""
    state.complain(PAGE, None)
    slug = slug_for(str(state.widget(key) or ""))
    try:
        if problems := check_name(slug):
            state.complain(PAGE, "; ".join(str(problem) for problem in problems))
            return
        branch(library(), name, version, slug, who=person())
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    state.say_once(f"{title_of(slug)} begins from here.", ":material/call_split:")
    state.choose_character(slug)
    state.request_page("views/traits.py")
