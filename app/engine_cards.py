"""Providers with keys and servers of one's own, as the Settings page shows them."""

from __future__ import annotations

import streamlit as st

from app import state
from app.reads import settings
from app.rights import refused_keys
from app.widgets import plain, standing_complaint
from core.errors import CoreError
from core.names import PROVIDERS, Provider
from core.settings import StoredKey, origin_of

PAGE = "settings"
UNLOCKS = {
    "openrouter": "Hundreds of models behind one key, also large ones that play a character far better.",
    "together": "Large open models, and fine-tuning without a GPU of your own.",
    "openai": "OpenAI's models as teachers and judges.",
    "vllm": "Open models at full speed on your own GPU.",
    "ollama": "Middle-sized open models on this computer, free.",
    "lmstudio": "Middle-sized open models on this computer, chosen in a window.",
}
EXAMPLES = {
    "openrouter": "openrouter/z-ai/glm-4.5-air",
    "together": "together/llama-3.3-70b-it",
    "openai": "openai/gpt-4.1-mini",
    "vllm": "vllm/my-model",
    "ollama": "ollama/llama3.1:8b",
    "lmstudio": "lmstudio/qwen2.5-7b-instruct",
}
KEY_PAGES = {
    "openrouter": "https://openrouter.ai/keys",
    "together": "https://api.together.ai/settings/api-keys",
    "openai": "https://platform.openai.com/api-keys",
}
SOURCES = {"environment": "in the environment", ".env": "in .env", "settings": "here, in settings"}


def head(title: str, sentence: str, badge: tuple[str, str, str] | None) -> None:
    """A card's name, what it is for, and its state."""
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{plain(title)}**")
            st.caption(plain(sentence))
        if badge:
            st.badge(badge[0], icon=badge[1], color=badge[2])  # type: ignore[arg-type]


NO_KEY = ("No key", ":material/key_off:", "gray")
KEY_SET = ("Key set", ":material/key:", "green")


def code(text: str) -> str:
    """A short text of ours or of a setting in the type of code, so that it makes no link."""
    return f"`{text.replace('`', '')}`"


# ---- providers with a key


def draw_provider(spec: Provider) -> None:
    """One provider: what it unlocks, whether there is a key, and what can be done with it."""
    with st.container(border=True, key=f"provider-{spec.name}"):
        try:
            key = settings().key(spec.name)
            host = origin_of(settings().base_url(spec.name)).removeprefix("https://")
        except CoreError as error:
            head(spec.label, UNLOCKS[spec.name], None)
            st.error(plain(str(error)), icon=":material/error:")
            return
        head(spec.label, UNLOCKS[spec.name], KEY_SET if key else NO_KEY)
        standing_complaint(f"key:{spec.name}")
        if settings().sharing:
            shared_key(host, key)
        elif key is None:
            key_form(spec, "Save key")
            st.caption(f"It goes to {host} and nowhere else. [Get a key]({KEY_PAGES[spec.name]})")
        else:
            st.caption(plain(f"{where(key)} It goes to {host} and nowhere else."))
            key_actions(spec, key)
        draw_answer(spec)


def shared_key(host: str, key: StoredKey | None) -> None:
    """In a shared studio a key is the deployment's: nobody sees or changes it on a page."""
    if key is None:
        st.caption(plain(f"Whoever runs this studio can set a key for {host}, on the computer it runs on."))
    else:
        st.caption(plain(f"Set by whoever runs this studio. It goes to {host} and nowhere else."))


def where(key: StoredKey) -> str:
    """Where a key was found, and its end."""
    ending = f", ends in …{key.secret.last4}" if key.secret.last4 else ""
    return f"Set {SOURCES[key.source]}{ending}."


def key_actions(spec: Provider, key: StoredKey) -> None:
    """Test, replace, remove; a key that was not saved here is changed where it is set."""
    with st.container(horizontal=True, vertical_alignment="center"):
        test_button(spec)
        if key.source != "settings":
            st.caption("It is used before one saved here. Change it where it is set.")
            return
        with st.popover("Replace key", type="tertiary", icon=":material/key:", key=f"replace:{spec.name}"):
            key_form(spec, "Save new key")
        with st.popover("Remove", type="tertiary", icon=":material/delete:", key=f"ask:{spec.name}"):
            st.markdown(f"The studio forgets this key. It stays valid at {spec.label}.")
            st.button("Remove key", key=f"remove:{spec.name}", on_click=remove_key, args=(spec.name,))


def key_form(spec: Provider, label: str) -> None:
    """A field for a new key: a key goes to the server and never comes back."""
    field = _key_field(spec.name)
    form = st.form(f"form:{field}", border=False)
    with form, st.container(horizontal=True, vertical_alignment="center"):
        st.text_input(
            f"{spec.label} key",
            label_visibility="collapsed",
            type="password",
            key=field,
            autocomplete="off",
            placeholder=f"Paste your {spec.label} key",
        )
        st.form_submit_button(
            label, icon=":material/save:", key=f"save:{spec.name}", on_click=save_key, args=(spec.name,)
        )


def _key_field(provider: str) -> str:
    """The field's name, another one after each save.

    A field that is only emptied lives on in the browser, which then sends the key with every click.
    """
    return f"new-key:{provider}:{state.place(f'keys-pasted:{provider}')}"


def save_key(provider: str) -> None:
    """Keep the pasted key and give up the field, whatever happens; for callbacks."""
    field = _key_field(provider)
    value = state.widget(field) or ""
    state.clear(field)
    state.go_to(f"keys-pasted:{provider}", state.place(f"keys-pasted:{provider}") + 1)
    _keep_answer(provider, None)
    state.complain(f"key:{provider}", None)
    if refused_keys(f"key:{provider}"):
        return
    try:
        settings().save_key(provider, value)
    except CoreError as error:
        state.complain(f"key:{provider}", str(error))
        return
    state.say_once("Key saved. Test it to be sure.", ":material/key:")


def remove_key(provider: str) -> None:
    """Forget a key that was saved here; for callbacks."""
    _keep_answer(provider, None)
    if refused_keys(f"key:{provider}"):
        return
    try:
        settings().remove_key(provider)
    except CoreError as error:
        state.complain(f"key:{provider}", str(error))
        return
    state.say_once("Key removed.", ":material/delete:")


# ---- servers of one's own


def draw_server(spec: Provider) -> None:
    """A local server: its address, and whether it answers."""
    with st.container(border=True, key=f"provider-{spec.name}"):
        head(spec.label, UNLOCKS[spec.name], None)
        with st.container(horizontal=True, vertical_alignment="center"):
            test_button(spec)
            name = f"{spec.name.upper()}_BASE_URL"
            st.caption(f"Looked for at {code(settings().base_url(spec.name))}. {name} changes that.")
        draw_answer(spec)


# ---- testing


def test_button(spec: Provider) -> None:
    """Ask the provider now, ten seconds at most, and keep what it said on the page."""
    pressed = st.button(
        "Test", key=f"test:{spec.name}", icon=":material/network_check:", help="One short question; free."
    )
    if pressed:
        with st.spinner(f"Asking {spec.label} …"):
            _ask(spec.name)


def _ask(provider: str) -> None:
    from core.engines.probing import probe

    try:
        _keep_answer(provider, probe(provider, settings()), works=True)
    except CoreError as error:
        _keep_answer(provider, str(error))


def _keep_answer(provider: str, sentence: str | None, *, works: bool = False) -> None:
    """Keep the outcome of a test until the next one; None forgets it."""
    state.complain(f"probe:{provider}", sentence)
    state.set_flag(f"probe-works:{provider}", works)


def draw_answer(spec: Provider) -> None:
    """What the last test said, and how the engine is named then."""
    sentence = state.complaint(f"probe:{spec.name}")
    if not sentence:
        return
    if not state.flag(f"probe-works:{spec.name}"):
        st.markdown(f":red[:material/error:] {plain(sentence)}")
        return
    st.markdown(f":green[:material/check_circle:] {plain(sentence)}")
    st.caption(f"Name a model like this: {code(EXAMPLES[spec.name])}")


REMOTE = [spec for spec in PROVIDERS.values() if spec.key_name]
OWN = [PROVIDERS[name] for name in ("ollama", "lmstudio", "vllm")]
