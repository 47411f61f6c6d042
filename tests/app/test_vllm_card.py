"""The vLLM card: its state as it is, its long work as jobs, a failure with its reason and its cure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.serving import find_vllm
from core.settings import load_settings
from tests.app.kit import button, tab, words
from tests.core.job_kit import ended, until
from tests.core.vllm_kit import all_gone, end_all, fake_environment, lora, own_model, recorded


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the stand-in leaves its record; nothing of it outlives the test."""
    path = tmp_path / "record.json"
    monkeypatch.setenv("FAKE_VLLM_RECORD", str(path))
    yield path
    for job in Jobs(load_settings()).list(active_only=True):
        Jobs(load_settings()).cancel(job.id)
    end_all(recorded(path).get("pids", []))


def text(app: AppTest) -> str:
    return words(app).replace("\\", "")


def start(app: AppTest, model: Path, *adapters: str) -> AppTest:
    """Fill the card in and press Start."""
    app.text_input(key="vllm:model").set_value(str(model))
    app.multiselect(key="vllm:adapters").set_value(list(adapters))
    return app.button(key="vllm:start").click().run()


def test_without_vllm_the_card_says_what_it_is_for_how_large_and_offers_it() -> None:
    app = tab("settings")
    assert "vLLM server" in text(app)
    assert "with LoRA adapters beside them" in text(app)
    assert "GB and some minutes, once" in text(app)
    assert "character setup vllm" in text(app)
    assert app.button(key="vllm:install")


def test_installing_is_a_job_and_its_failure_stays_with_its_cure(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file where the folder should be: it fails at once, with nothing fetched.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    settings = load_settings()
    settings.data_path.mkdir(parents=True)
    (settings.data_path / "environments").write_text("")
    app = tab("settings")
    app.button(key="vllm:install").click().run()
    [job] = Jobs(settings).list()
    assert job.argv[-3:-1] == ("setup", "vllm")
    assert ended(Jobs(settings), job).state == "failed"
    app = tab("settings")
    assert "set DATA_PATH to a folder of yours" in text(app)
    assert app.button(key="vllm:install")


def test_an_installed_vllm_is_started_used_and_stopped_from_the_card(record: Path, tmp_path: Path) -> None:
    settings = load_settings()
    fake_environment(settings)
    settings.lora_path.mkdir(parents=True)
    pirate = lora(settings.lora_path, "pirate")
    app = tab("settings")
    [offered] = app.multiselect(key="vllm:adapters").options
    assert offered == f"pirate={pirate}"
    start(app, own_model(tmp_path), offered)
    [job] = Jobs(settings).list()
    assert (job.verb, job.subject) == ("serve", "serve:vllm")
    info = until(lambda: find_vllm(settings))
    app = tab("settings")
    assert info.base_url in text(app)
    assert "Use it as `vllm/tiny-model`, `vllm/pirate`" in text(app)
    assert "Starting vLLM for tiny-model" in "\n".join(str(element.value) for element in app.code)
    button(app, "Stop server").click().run()
    assert Jobs(settings).get(job.id).state == "cancelled"
    assert all_gone(recorded(record)["pids"])
    # Stopped is no failure: the card is ready to start again, and remembers nothing bad.
    app = tab("settings")
    assert app.button(key="vllm:start")
    assert app.text_input(key="vllm:model").value == str(tmp_path / "tiny-model")
    assert "last words" not in text(tab("settings"))


def test_a_server_that_cannot_start_shows_why_and_what_to_do(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VLLM_DIES", "torch.OutOfMemoryError: CUDA out of memory.")
    settings = load_settings()
    fake_environment(settings)
    app = start(tab("settings"), own_model(tmp_path))
    [job] = Jobs(settings).list()
    ended(Jobs(settings), job)
    app = tab("settings")
    assert "There is not enough memory for this model" in text(app)
    assert "CUDA out of memory" in "\n".join(str(element.value) for element in app.code)
    assert app.button(key="vllm:start")


def test_a_model_that_is_not_there_is_refused_with_the_ways_to_name_one(record: Path) -> None:
    settings = load_settings()
    fake_environment(settings)
    start(tab("settings"), Path("nowhere-at-all"))
    [job] = Jobs(settings).list()
    ended(Jobs(settings), job)
    assert "organisation/name" in text(tab("settings"))


def test_while_it_starts_the_card_shows_its_words_and_can_stop_it(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VLLM_LOADING", "60")
    settings = load_settings()
    fake_environment(settings)
    start(tab("settings"), own_model(tmp_path))
    [job] = Jobs(settings).list()
    until(lambda: "loading" in Jobs(settings).log_tail(job.id) and recorded(record))
    app = tab("settings")
    assert "is fetched first" in text(app)
    assert "loading" in "\n".join(str(element.value) for element in app.code)
    app.button(key=f"stop:{job.id}").click().run()
    assert all_gone(recorded(record)["pids"])
    assert find_vllm(settings) is None


def test_names_of_models_are_shown_letter_by_letter(record: Path, tmp_path: Path) -> None:
    settings = load_settings()
    fake_environment(settings)
    model = own_model(tmp_path).rename(tmp_path / "![x](y)")
    start(tab("settings"), model)
    until(lambda: find_vllm(settings))
    assert "![x](y)" in text(tab("settings"))
    assert "**![x](" not in words(tab("settings"))
