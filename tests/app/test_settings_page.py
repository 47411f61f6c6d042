"""The Settings page: what can answer is told as it is, and a key never comes back to the browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.embedded.catalogue import MODELS
from core.jobs import Jobs
from core.settings import load_settings
from tests.app.kit import button, tab, words
from tests.core.test_probing import ModelServer

CANARY = "sk-canary-5f0e7d1c9b3a"
[MODEL] = MODELS.values()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        yield found


def everything(app: AppTest) -> str:
    """All that the browser gets, and all that the tab remembers."""
    found, open_nodes = [], [app.main, app.sidebar]
    while open_nodes:
        node = open_nodes.pop()
        found.append(str(getattr(node, "proto", "")))
        open_nodes += list(getattr(node, "children", {}).values())
    return "\n".join(found) + repr(app.session_state.to_dict())


def field(app: AppTest, provider: str):
    """Where a new key is pasted."""
    [found] = [element for element in app.text_input if str(element.key).startswith(f"new-key:{provider}:")]
    return found


def paste(app: AppTest, provider: str, key: str) -> AppTest:
    field(app, provider).set_value(key)
    return app.button(key=f"save:{provider}").click().run()


def text(app: AppTest) -> str:
    return words(app).replace("\\", "")


def test_the_page_says_what_is_there_without_any_key() -> None:
    app = tab("settings")
    assert "OpenRouter" in text(app)
    assert "About 98 MB to fetch" in text(app)
    assert "http://127.0.0.1:11434/v1" in text(app)
    assert "character doctor" in [element.value for element in app.code]
    assert str(load_settings().data_path) in [element.value for element in app.code]
    assert "free" in text(app)


def test_a_pasted_key_is_kept_in_the_file_and_never_shown_again() -> None:
    app = tab("settings")
    before = field(app, "openrouter").id
    app = paste(app, "openrouter", f"  {CANARY}\n")
    assert not app.exception
    stored = load_settings().key("openrouter")
    assert stored is not None
    assert stored.secret.reveal() == CANARY
    assert "Set here, in settings, ends in …9b3a" in text(app)
    for page in (app, app.run(), tab("settings")):
        assert CANARY not in everything(page)
        assert field(page, "openrouter").value == ""
        assert "Paste your OpenRouter key" in everything(page)
    # The browser remembers what is typed into a field for as long as there is that field.
    assert field(app, "openrouter").id != before


def test_what_is_no_key_is_refused_and_not_kept_either() -> None:
    app = paste(tab("settings"), "openai", f"{CANARY} with words")
    assert "That is not a key" in text(app)
    assert load_settings().key("openai") is None
    assert CANARY not in everything(app)


def test_a_saved_key_can_be_replaced_and_removed() -> None:
    app = paste(tab("settings"), "together", "sk-first-key-0001")
    app = paste(app, "together", "sk-second-key-0002")
    assert "ends in …0002" in text(app)
    app.button(key="remove:together").click().run()
    assert load_settings().key("together") is None
    assert "ends in" not in text(app)


def test_a_key_of_the_environment_is_named_as_such_and_not_ours_to_remove(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    app = tab("settings")
    assert "Set in the environment, ends in …9b3a" in text(app)
    assert "remove:openai" not in [element.key for element in app.button]
    assert CANARY not in everything(app)


def test_testing_a_key_says_what_answered(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    app = paste(tab("settings"), "openai", CANARY)
    app.button(key="test:openai").click().run()
    assert "Works: 2 models." in text(app)
    server.status = 401
    app.button(key="test:openai").click().run()
    assert "does not accept this key" in text(app)
    assert "Works" not in text(app)
    assert CANARY not in everything(app)


def test_an_own_server_is_tested_and_its_models_are_named(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", server.url)
    server.bodies["/v1/models"] = {"data": [{"id": "![x](http://evil.example/x.png)"}]}
    app = tab("settings")
    app.button(key="test:ollama").click().run()
    assert "Works: ![x]" in text(app)
    assert "![x](" not in words(app)
    server.__exit__()
    app.button(key="test:ollama").click().run()
    assert "Start Ollama" in text(app)


def test_a_key_is_not_used_for_another_host(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    paste(tab("settings"), "openai", CANARY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    app = tab("settings")
    assert "ends in" not in text(app)
    assert server.url.removesuffix("/v1") in text(app)


def test_a_damaged_key_file_is_explained_and_the_rest_still_works() -> None:
    path = load_settings().config_path / "keys.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    app = tab("settings")
    assert "not valid JSON" in app.error[0].value.replace("\\", "")
    assert button(app, "Test")


def test_a_wrong_address_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOGETHER_BASE_URL", "together")
    app = tab("settings")
    assert "is not an address" in app.error[0].value.replace("\\", "")


def test_an_embedded_model_that_is_here_is_ready() -> None:
    weights = load_settings().model_path / MODEL.name / MODEL.file
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    assert "starts by itself" in text(tab("settings"))


def test_fetching_is_a_job_and_its_failure_stays_on_the_page() -> None:
    # A file where the folder should be: the fetch fails at once, with nothing sent.
    load_settings().data_path.mkdir(parents=True)
    load_settings().model_path.write_text("")
    app = tab("settings")
    button(app, "Fetch it").click().run()
    [job] = Jobs(load_settings()).list()
    assert job.argv[-4:-1] == ("models", "pull", MODEL.name)
    assert job.subject == f"models:{MODEL.name}"
    Jobs(load_settings()).cancel(job.id)
    app.run()
    assert "98 MB" in text(app)
    assert button(app, "Fetch it")


def test_tokens_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", CANARY)
    app = tab("settings")
    assert "HF_TOKEN: set" in text(app)
    assert CANARY not in everything(app)
