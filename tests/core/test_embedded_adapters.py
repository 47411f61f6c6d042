"""Adapters on the real embedded server: strength is obeyed, and nothing stale is ever served."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.embedded.adapters import GGUF, LocalAdapter, find_adapter
from core.embedded.server import ensure_server, find_server, stop_server
from core.errors import ModelError
from core.names import ModelName
from core.records import Message, Sampling
from core.settings import Settings
from core.stages.chat import stream_answer
from core.tuning.proof import judge, prove, read_proof
from tests.core.adapter_kit import write_adapter_folder
from tests.core.test_embedded_serving import NAME, ask, own_models, small_slots, text, weights  # noqa: F401

pytestmark = pytest.mark.embedded
pytest.importorskip("xllamacpp", reason="needs the local extra")

LOCAL = ModelName("local", NAME)
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=16, repetition_penalty=1.1, seed=3)
ASKED = [Message("user", "What is a star?")]


@pytest.fixture(scope="module")
def models(
    weights: Path,  # noqa: F811
    small_slots: None,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Settings]:
    settings = own_models(tmp_path_factory.mktemp("adapters"), weights)
    yield settings
    stop_server(settings, NAME)


@pytest.fixture(scope="module")
def strong(models: Settings) -> LocalAdapter:
    """A random adapter that surely changes answers."""
    folder = models.lora_path / f"{NAME}-dpo" / "noise" / "adapter"
    return find_adapter(models, NAME, write_adapter_folder(folder, size=0.13))


def said(models: Settings, adapter: LocalAdapter | None, strength: float = 1.0) -> str:
    pieces = stream_answer(models, LOCAL, ASKED, adapter=adapter, strength=strength, sampling=GREEDY)
    return "".join(pieces)


def test_strength_0_is_the_plain_model_and_strength_1_is_not(
    models: Settings, strong: LocalAdapter
) -> None:
    base = said(models, None)
    assert said(models, strong, 0.0) == base
    assert said(models, strong, 1.0) != base
    assert said(models, strong, 0.5) not in (base, said(models, strong, 1.0))


def test_a_request_that_says_nothing_of_adapters_gets_the_plain_model_and_spoils_nothing(
    models: Settings, strong: LocalAdapter
) -> None:
    """llama.cpp's own default would be full strength for everybody."""
    base, worn = said(models, None), ensure_server(models, NAME, adapter=strong)
    wishes = {"temperature": 0, "max_tokens": 16, "seed": 3, "repeat_penalty": 1.1}
    turns = [message.as_dict() for message in ASKED]
    assert ensure_server(models, NAME).pid != worn.pid
    assert text(ask(worn, turns, cache_prompt=False, **wishes)) == base
    said(models, strong, 1.0)
    ask(worn, turns, **wishes)
    assert said(models, strong, 0.0) == base


def test_an_adapter_is_shared_by_its_content_and_asked_for_again_after_a_stop(
    models: Settings, strong: LocalAdapter, tmp_path: Path
) -> None:
    first = ensure_server(models, NAME, adapter=strong)
    copy = find_adapter(models, NAME, shutil.copytree(strong.folder, tmp_path / "copy"))
    assert ensure_server(models, NAME, adapter=copy).pid == first.pid
    assert stop_server(models, NAME)
    assert not psutil.pid_exists(first.pid)
    assert find_server(models, NAME, adapter=strong) is None
    assert ensure_server(models, NAME, adapter=strong).pid != first.pid


def test_what_was_trained_anew_is_never_answered_by_what_was_loaded_before(
    models: Settings, tmp_path: Path
) -> None:
    folder = write_adapter_folder(tmp_path / "pirate", seed=1, size=0.08)
    before = find_adapter(models, NAME, folder)
    old = said(models, before)
    write_adapter_folder(folder, seed=2, size=0.08)
    after = find_adapter(models, NAME, folder)
    assert said(models, after) != old
    # Who still holds the old one is answered by the old server while it runs, never by the new weights.
    assert said(models, before) == old
    stop_server(models, NAME)
    with pytest.raises(ModelError, match=r"adapter\.gguf: It was trained anew"):
        said(models, before)


def test_an_adapter_of_other_shapes_is_refused_in_words(models: Settings, tmp_path: Path) -> None:
    folder = write_adapter_folder(tmp_path / "other", base="somebody/unknown", hidden=128)
    with pytest.raises(ModelError, match=r"adapter\.gguf: .*was it made for another model"):
        said(models, find_adapter(models, NAME, folder))
    assert (folder / GGUF).exists()


def test_the_proof_passes_for_a_real_change_and_fails_for_none(
    models: Settings, strong: LocalAdapter, tmp_path: Path
) -> None:
    proof = prove(models, LOCAL, strong)
    assert proof.passed and proof.plain_as_base == proof.asked
    assert read_proof(models, NAME, strong.folder) == proof
    nothing = find_adapter(models, NAME, write_adapter_folder(tmp_path / "nothing", size=0.0))
    failed = prove(models, LOCAL, nothing)
    assert not failed.passed and failed.changed == 0
    assert not judge(failed.answers).passed
