"""Model names, paths and keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.names import PROVIDERS, assistant_name, maker_names, parse_model, spelled_for
from core.settings import load_settings, origin_of, read_dotenv, redact

KEY = "sk-canary-1234567890"


@pytest.mark.parametrize(
    ("typed", "provider", "full", "slug"),
    [
        ("local/smollm2-135m", None, "local/smollm2-135m", "smollm2-135m"),
        ("openrouter/z-ai/glm-4.5-air", None, "openrouter/z-ai/glm-4.5-air", "glm-4.5-air"),
        (
            "meta-llama/llama-3.1-405b-instruct",
            "openrouter",
            "openrouter/meta-llama/llama-3.1-405b-instruct",
            "llama-3.1-405b-instruct",
        ),
        ("llama-3.1-8b-it", "openrouter", "openrouter/meta-llama/llama-3.1-8b-instruct", "llama-3.1-8b-it"),
        ("llama-3.1-8b-it", "vllm", "vllm/meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b-it"),
        ("glm-4.5-air", "openrouter", "openrouter/z-ai/glm-4.5-air", "glm-4.5-air"),
        ("http://127.0.0.1:9000/v1#my-model", None, "http://127.0.0.1:9000/v1#my-model", "my-model"),
        ("ollama/llama3.1:8b", None, "ollama/llama3.1:8b", "llama3.1-8b"),
    ],
)
def test_a_name_says_where_the_model_runs_and_what_its_folder_is_called(
    typed: str, provider: str | None, full: str, slug: str
) -> None:
    model = parse_model(typed, provider=provider)
    assert (model.full, model.slug) == (full, slug)


@pytest.mark.parametrize("typed", ["", "local/", "two words", "http://127.0.0.1:9/v1", "just-a-name"])
def test_a_name_that_leads_nowhere_is_refused_with_the_way_to_write_it(typed: str) -> None:
    with pytest.raises(SettingsError):
        parse_model(typed)


def test_an_unknown_provider_names_the_known_ones_but_not_the_fake() -> None:
    with pytest.raises(SettingsError, match="openrouter, together") as caught:
        parse_model("m", provider="nowhere")
    assert "fake" not in str(caught.value)


def test_the_assistants_name_is_its_familys_and_never_cut_from_the_slug() -> None:
    assert assistant_name("meta-llama/Meta-Llama-3.1-8B") == "Llama"
    assert assistant_name("openai/gpt-5") == "ChatGPT"
    assert assistant_name("acme/unheard-of") == "Assistant"
    assert "ChatGLM" in maker_names("z-ai/glm-4.5-air")


def test_an_alias_takes_each_providers_own_spelling() -> None:
    assert spelled_for("together", "llama-3.1-8b-it").endswith("-Reference")
    assert spelled_for("openai", "llama-3.1-8b-it") == "llama-3.1-8b-it"


def test_dotenv_takes_exports_quotes_and_comments(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("\ufeff# note\nexport A=1\nB='two words'\nC=\"3\" \nD=4 # why\nnonsense\n")
    assert read_dotenv(path) == {"A": "1", "B": "two words", "C": "3", "D": "4"}


def test_the_environment_comes_before_dotenv_and_dotenv_before_the_saved_key(tmp_path: Path) -> None:
    base = {"CHARACTER_CONFIG_PATH": str(tmp_path / "config")}
    load_settings(base, folder=tmp_path).save_key("openrouter", "saved-" + KEY)
    assert load_settings(base, folder=tmp_path).key("openrouter").source == "settings"  # type: ignore[union-attr]
    (tmp_path / ".env").write_text(f"export OPENROUTER_API_KEY='dotenv-{KEY}'\n")
    assert load_settings(base, folder=tmp_path).key("openrouter").source == ".env"  # type: ignore[union-attr]
    env = base | {"OPENROUTER_API_KEY": "env-" + KEY}
    assert load_settings(env, folder=tmp_path).key("openrouter").source == "environment"  # type: ignore[union-attr]


def test_a_saved_key_is_0600_and_goes_to_no_other_host(tmp_path: Path) -> None:
    base = {"CHARACTER_CONFIG_PATH": str(tmp_path / "config")}
    settings = load_settings(base, folder=tmp_path)
    settings.save_key("openrouter", KEY)
    assert stat.S_IMODE((tmp_path / "config" / "keys.json").stat().st_mode) == 0o600
    moved = load_settings(base | {"OPENROUTER_BASE_URL": "https://elsewhere.example/v1"}, folder=tmp_path)
    assert moved.key("openrouter") is None
    settings.remove_key("openrouter")
    assert settings.key("openrouter") is None


@pytest.mark.parametrize("text", ["", "  ", "a b", "line\nbreak", "schlüssel"])
def test_a_text_that_cannot_be_a_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load_settings({"CHARACTER_CONFIG_PATH": str(tmp_path)}, folder=tmp_path).save_key("openai", text)


def test_a_key_does_not_show_itself(tmp_path: Path) -> None:
    settings = load_settings(
        {"OPENAI_API_KEY": KEY, "CHARACTER_CONFIG_PATH": str(tmp_path)}, folder=tmp_path
    )
    key = settings.key("openai")
    assert key is not None
    assert KEY not in f"{key} {key!r} {settings!r} {key.secret}"
    assert key.secret.last4 == "7890"
    assert redact(f"bad key {KEY}!", settings.secrets()) == "bad key [key]!"


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "nonsense", "https://user:pass@host/v1", "http://h:99999/"]
)
def test_an_address_that_is_none_or_hides_a_password_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        origin_of(url)


def test_the_origin_leaves_path_and_query_out() -> None:
    assert origin_of("https://openrouter.ai/api/v1?x=1") == "https://openrouter.ai"
    assert origin_of("http://[::1]:8000/v1") == "http://[::1]:8000"


def test_every_provider_that_needs_a_key_is_reached_over_https() -> None:
    assert all(spec.base_url.startswith("https://") for spec in PROVIDERS.values() if spec.key_name)


def test_an_explicit_provider_keeps_a_makers_name_that_is_also_a_providers() -> None:
    assert parse_model("openai/gpt-oss-120b", provider="together").full == "together/openai/gpt-oss-120b"
    assert parse_model("openai/gpt-x", default="openrouter").full == "openai/gpt-x"
    assert parse_model("local/smollm2-135m", provider="openrouter").provider == "local"
    assert parse_model("together/x", provider="together").model == "x"


def test_a_port_is_no_part_of_what_rows_remember() -> None:
    assert parse_model("http://127.0.0.1:9000/v1#m").label == "http://127.0.0.1/v1#m"
    assert parse_model("ollama/llama3.1:8b").label == "ollama/llama3.1:8b"


def test_dotenv_values_keep_what_is_quoted_and_drop_the_comment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=\"sk-abc\" # mine\nB= # none\nC='x # y'\n")
    assert read_dotenv(path) == {"A": "sk-abc", "B": "", "C": "x # y"}


def test_an_environment_key_is_not_sent_where_a_folders_dotenv_points(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENROUTER_BASE_URL=https://elsewhere.example/v1\n")
    settings = load_settings(
        {"OPENROUTER_API_KEY": KEY, "CHARACTER_CONFIG_PATH": str(tmp_path)}, folder=tmp_path
    )
    assert settings.key("openrouter") is None
    assert "OPENROUTER_BASE_URL" not in settings.for_subprocess()
