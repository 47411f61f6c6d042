"""Settings that stand in a page's address: a reload and a link find them, other pages of the tab keep them.

    st.text_input("Teacher", key=in_address("teacher", EMBEDDED))

The call comes before the widget that it names, takes the place of the widget's own default, and has the
widget hold, in this order: what was just typed or chosen in it, what the address says, what the tab last
had. A value that is the default takes its name out of the address. Sums of money do not belong here:
somebody else's link must not say how much may be spent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import streamlit as st

from app.state.memory import recall, remember

LONGEST = 2000


class Drawn(NamedTuple):
    """What a page has put into its address: about whom, widgets by their word, what `keep_words` kept."""

    who: str | None
    set: dict[str, tuple[str, Any]]
    words: list[str]


def arrive(page: str) -> None:
    """Say which page is drawn now, before anything on it is."""
    remember("kept-stays", recall("kept-page") == page)
    remember("kept-page", page)
    remember("kept-drawn", Drawn(recall("character"), {}, []))
    remember("kept-typed", _typed_since(recall("kept-values", {})))


def leave() -> None:
    """Say that the page has been drawn to its end."""
    remember("kept-values", _values())
    remember("kept-character", recall("character"))
    if drawn := _drawn():
        remember(f"kept-left:{recall('kept-page')}", drawn._replace(who=recall("character")))


def character_told(names: Collection[str]) -> str | None:
    """Whom the address names, where that is news: after a link or the back button. None while it lags.

    What a person has chosen since the page was drawn is newer than the address that the browser sends.
    """
    wished, held = st.query_params.get("character"), recall("character")
    chosen = held != recall("kept-character") or (recall("kept-stays") and recall("kept-typed"))
    if wished not in names or (held in names and chosen):
        return None
    remember("kept-character", wished)
    return wished


def address_of(page: str) -> dict[str, str]:
    """The words of a page's address: the character, and what this tab had set when it last left the page.

    A link that holds them all opens the page in one step: nothing is left for the page to add.
    """
    who = recall("character")
    words: dict[str, str] = {"character": who} if who else {}
    left: Drawn | None = recall(f"kept-left:{page}")
    if left is None or left.who != who:
        return words
    for name, (key, default) in left.set.items():
        value = recall(f"kept:{key}", default)
        if value != default and len(text := text_of(value)) <= LONGEST:
            words[name] = text
    for what in left.words:
        words |= recall(f"kept-words:{what}", {})
    return words


def _values() -> dict[str, Any]:
    return {str(key): st.session_state[key] for key in st.session_state if not _is_ours(key)}


def _is_ours(key: Any) -> bool:
    return str(key).startswith("studio:")


def _typed_since(before: dict[str, Any]) -> bool:
    """Whether a person has typed, chosen or clicked anything since the page was drawn.

    Then the address that the browser sent may be from before the page put what was typed there: somebody
    who types in one box and at once in the next would lose the first. A button falls back by itself.
    """
    now = _values()
    both = [(key, before[key], now[key]) for key in before if key in now]
    return any(
        was is not new and was != new
        for key, was, new in both
        if not (was is True and new is False and recall(f"kept:{key}") is None)
    )


def come_back(what: str, names: Collection[str]) -> None:
    """On a page just come to without any of these words, put back those that it had in this tab.

    Streamlit empties the address when another page is opened, with the back button too.
    """
    if not recall("kept-stays") and not any(name in st.query_params for name in names):
        st.query_params.update(recall(f"kept-words:{what}", {}))


def keep_words(what: str, names: Collection[str]) -> None:
    """Keep the words of an address for when the tab comes back; `what` says of which page and character."""
    remember(
        f"kept-words:{what}", {name: st.query_params[name] for name in names if name in st.query_params}
    )
    if (drawn := _drawn()) and what not in drawn.words:
        drawn.words.append(what)


def _drawn() -> Drawn | None:
    return recall("kept-drawn")


def word(name: str, key: str) -> str | None:
    """What a word of the address that belongs to no widget says, or what the tab last had under `key`."""
    text = _there(name, str, None, recall(f"kept:{key}")) or None
    set_word(name, key, text)
    if drawn := _drawn():
        drawn.set[name] = (key, None)
    return text


def held_word(key: str) -> str | None:
    """What the tab has under `key` at this moment; for callbacks, whose page may be drawn from before."""
    return recall(f"kept:{key}")


def set_word(name: str, key: str, text: str | None) -> None:
    """Put such a word into the address and keep it for the tab; None takes it out. For callbacks too."""
    remember(f"kept:{key}", text)
    _put(name, text)


Read = Callable[[str], Any]


def in_address(
    key: str,
    default: Any = None,
    *,
    options: Collection[Any] = (),
    read: Read | None = None,
    name: str = "",
) -> str:
    """The key of a widget that is drawn next, its value taken from and put into the address.

    `default` also says of which kind the value is: a text, a yes or no, several of `options`; `read` reads
    anything else and raises ValueError. What does not fit is passed over, in the address and in the tab.
    """
    name = name or key.replace(":", "-")
    read = read or reader(default, options)
    held = recall(f"kept:{key}", default)
    if key not in st.session_state:
        value = _told(name, read, held)
    else:
        value = st.session_state[key]
        # Back and forward change the address and nothing else.
        value = _there(name, read, default, held) if value == held else value
    value = _fitting(read, value, default)
    # Setting a box anew, to the same words too, would take away what a person is just typing in it.
    is_typed = isinstance(value, str) and not options
    if not is_typed or key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    remember(f"kept:{key}", value)
    if drawn := _drawn():
        drawn.set[name] = (key, default)
    _put(name, None if value == default else text_of(value))
    return key


def whole(low: int, high: int) -> Read:
    """Reads a whole number and keeps it within bounds."""
    return lambda text: min(high, max(low, int(text)))


def number(low: float, high: float = math.inf) -> Read:
    """Reads a number and keeps it within bounds."""

    def read(text: str) -> float:
        value = float(text)
        if math.isnan(value):
            raise ValueError(text)
        return min(high, max(low, value))

    return read


def reader(default: Any, options: Collection[Any]) -> Read:
    """How a word of the address becomes a value of the default's kind."""

    def read(text: str) -> Any:
        if isinstance(default, list):
            return [one_of(part, options) for part in text.split(",") if part]
        if isinstance(default, bool):
            return one_of(text, (True, False))
        return one_of(text, options) if options else text

    return read


def one_of(text: str, options: Collection[Any]) -> Any:
    """The option that is written so. Raises ValueError."""
    for option in options:
        if text_of(option) == text:
            return option
    raise ValueError(text)


def text_of(value: Any) -> str:
    """A value as a word of the address."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        several: Sequence[Any] = value
        return ",".join(text_of(one) for one in several)
    return "" if value is None else str(value)


def _fitting(read: Read, value: Any, default: Any) -> Any:
    """A value as the widget can hold it; the default in place of one that it cannot."""
    if value is None:
        return None
    try:
        return read(text_of(value))
    except ValueError:
        return default


def _told(name: str, read: Read, otherwise: Any) -> Any:
    """What the address says under a name; `otherwise` where that is nothing or makes no sense."""
    text = st.query_params.get(name)
    if text is None or len(text) > LONGEST:
        return otherwise
    try:
        return read(text)
    except ValueError:
        return otherwise


def _there(name: str, read: Read, default: Any, held: Any) -> Any:
    """What the address of a page that was drawn before says now; of a new page, what the tab had."""
    if recall("kept-typed"):
        return held
    if name in st.query_params:
        return _told(name, read, held)
    return default if recall("kept-stays") else held


def _put(name: str, text: str | None) -> None:
    if text is None or len(text) > LONGEST:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text
