"""The Share page: what goes into a bundle, what comes out of one, and an upload that is seen first."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.settings import load_settings
from core.stages.bundle import export_bundle
from core.store.library import Library, starter
from tests.app.kit import button, library, tab, words
from tests.core.bundle_kit import finished, studio
from tests.hub_server import WRITES


@pytest.fixture
def bundle(tmp_path: Path) -> bytes:
    """The bytes of a pirate's bundle, made in another studio."""
    settings = studio(tmp_path / "elsewhere")
    finished(settings)
    return export_bundle(settings, "pirate", None, tmp_path / "pirate.zip").path.read_bytes()


def upload_file(app: AppTest, data: bytes, name: str = "pirate.zip") -> AppTest:
    app.file_uploader(key="bundle-file").set_value((name, io.BytesIO(data).getvalue(), "application/zip"))
    return app.run()


def test_before_anything_was_made_it_says_what_there_is(tmp_path: Path) -> None:
    app = tab("share")
    assert "only the character itself" in words(app)
    assert button(app, "Make the bundle")


def test_one_click_is_one_job_with_the_command_that_is_shown() -> None:
    finished(load_settings())
    app = tab("share")
    shown = "\n".join(str(element.value) for element in app.code)
    app.button(key="make-bundle").click().run()
    (job,) = Jobs(load_settings()).list(limit=5)
    assert job.subject == "bundle:pirate"
    assert " ".join(job.argv[3:-1]) in shown.replace("character ", "", 1)


def test_a_finished_bundle_says_what_is_in_it() -> None:
    settings = load_settings()
    finished(settings)
    export_bundle(settings, "pirate", None, settings.data_path / "bundles" / "pirate.zip")
    text = words(tab("share"))
    assert "answers, pairs and decisions" in text and "24 teacher answers" in text


def test_a_bundle_that_is_brought_in_says_what_it_is_and_keeps_its_name(bundle: bytes) -> None:
    app = upload_file(tab("share"), bundle)
    name = next(element for element in app.text_input if element.label == "Its name here")
    assert name.value == "pirate"
    assert "24 teacher answers" in words(app)


def test_where_the_name_is_taken_a_free_one_is_proposed(bundle: bytes) -> None:
    shelf = library()
    shelf.save(starter("pirate"), base_revision=shelf.load("pirate").revision)
    app = upload_file(tab("share"), bundle)
    name = next(element for element in app.text_input if element.label == "Its name here")
    assert name.value == "pirate-2" and "gets a name of its own" in words(app)
    assert Library(load_settings()).load("pirate").constitution == starter("pirate")


def test_what_is_no_bundle_is_refused_in_words_on_the_page() -> None:
    app = upload_file(tab("share"), b"not a zip")
    assert "no bundle" in words(app)


def test_an_upload_is_listed_first_and_wants_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    finished(load_settings())
    app = tab("share")
    app.text_input(key="hub-repo").set_value("ann/pirate").run()
    app.selectbox(key="hub-what").set_value("dataset").run()
    assert "train\\.jsonl" in words(app) and "It needs HF" in words(app)
    assert app.button(key="upload").disabled
    monkeypatch.setenv("HF_TOKEN", WRITES)
    app.run()
    assert not app.button(key="upload").disabled
    everything = words(app) + "\n".join(str(element.value) for element in app.code)
    assert WRITES not in everything


def test_a_missing_adapter_says_how_to_make_one() -> None:
    app = tab("share")
    app.text_input(key="hub-repo").set_value("ann/pirate").run()
    assert "no trained adapter" in words(app)
