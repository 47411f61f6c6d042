"""An archive from outside is opened safely: weights come out, nothing that can run or climb does."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

pytest.importorskip("zstandard")

from core.errors import CoreError, ModelError
from core.tuning.unpack import unpack_adapter
from tests.together_server import adapter_files, packed, safetensors


def unpack(folder: Path, archive: bytes) -> tuple[list[str], str]:
    """The files that came out, and what was left in the archive."""
    path, out = folder / "a.archive", folder / "out"
    path.write_bytes(archive)
    out.mkdir()
    found = unpack_adapter(path, out)
    assert sorted(found.files) == sorted(file.name for file in out.iterdir())
    return sorted(found.files), " ".join(found.left_out)


@pytest.mark.parametrize("how", ["zst", "gz", "plain"])
def test_every_packing_opens(tmp_path: Path, how: str) -> None:
    files, left_out = unpack(tmp_path, packed(adapter_files(), how=how))
    assert files == ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"]
    assert left_out == ""


def test_an_adapter_in_a_folder_is_found(tmp_path: Path) -> None:
    nested = {f"job/final/{name[2:]}": content for name, content in adapter_files().items()}
    assert "adapter_config.json" in unpack(tmp_path, packed(nested))[0]


def test_names_that_climb_stay_inside(tmp_path: Path) -> None:
    evil = {"../escaped.json": b"{}", "/tmp/absolute.json": b"{}", "a/../../up.json": b"{}"}
    files, left_out = unpack(tmp_path, packed(adapter_files() | evil))
    assert "points outside" in left_out
    assert not list(tmp_path.glob("*.json")) and "escaped.json" not in files


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    link = tarfile.TarInfo("./evil.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("./device.json")
    device.type = tarfile.CHRTYPE
    files, left_out = unpack(tmp_path, packed(adapter_files(), members=[link, device]))
    assert "evil.json (is a link" in left_out and "device.json" in left_out
    assert "evil.json" not in files


def test_pickles_and_code_are_left_out_and_named(tmp_path: Path) -> None:
    files, left_out = unpack(
        tmp_path, packed(adapter_files() | {"./training_args.bin": b"x", "./modeling.py": b"x"})
    )
    assert "training_args.bin (is a pickle" in left_out and "modeling.py" in left_out
    assert "modeling.py" not in files


def refused(folder: Path, archive: bytes, words: str) -> None:
    path = folder / "a.archive"
    path.write_bytes(archive)
    (folder / "out").mkdir()
    with pytest.raises(ModelError, match=words):
        unpack_adapter(path, folder / "out")


def test_weights_that_come_only_as_a_pickle_are_refused(tmp_path: Path) -> None:
    files = adapter_files()
    files["./adapter_model.bin"] = files.pop("./adapter_model.safetensors")
    refused(tmp_path, packed(files), "can run programs")


def test_a_whole_model_in_place_of_an_adapter_is_refused(tmp_path: Path) -> None:
    files = {"./adapter_config.json": b"{}", "./model.safetensors": safetensors()}
    refused(tmp_path, packed(files), "whole model")


@pytest.mark.parametrize("how", ["zst", "gz", "plain"])
def test_a_damaged_archive_is_refused(tmp_path: Path, how: str) -> None:
    whole = packed(adapter_files(), how=how)
    refused(tmp_path, whole[: len(whole) // 2], "damaged|adapter")


def test_a_page_in_place_of_an_archive_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, b"<html>Sorry</html>" * 100, "damaged")


@pytest.mark.parametrize("weights", [safetensors()[:-10], b"\xff" * 100, b"", safetensors() + b"more"])
def test_weights_that_are_not_whole_are_refused(tmp_path: Path, weights: bytes) -> None:
    refused(tmp_path, packed(adapter_files() | {"./adapter_model.safetensors": weights}), "safetensors")


def test_a_config_that_is_no_json_is_refused_in_words(tmp_path: Path) -> None:
    from core.settings import load_settings
    from core.tuning.register import register
    from core.tuning.state import Tuning

    path = tmp_path / "a.archive"
    path.write_bytes(packed(adapter_files() | {"./adapter_config.json": b"not json"}))
    tuning = Tuning("t-1", "pirate", "dpo", "llama-3.1-8b-it", "m", "tag", "mark", 1, {}, 0.0)
    with pytest.raises(CoreError):
        register(tuning, path, load_settings({}, folder=tmp_path))
    assert not (tmp_path / "data" / "loras" / "llama-3.1-8b-it-dpo" / "pirate").exists()
