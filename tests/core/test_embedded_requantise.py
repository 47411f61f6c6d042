"""Requantising: nothing but the weights' encoding changes, and always in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.embedded.requantise import requantise
from core.errors import ModelError
from tests.core.embedded_kit import write_tiny_gguf

gguf = pytest.importorskip("gguf")


@pytest.fixture
def both(tmp_path: Path) -> tuple[Any, Any]:
    write_tiny_gguf(tmp_path / "source.gguf")
    requantise(tmp_path / "source.gguf", tmp_path / "target.gguf")
    return gguf.GGUFReader(tmp_path / "source.gguf"), gguf.GGUFReader(tmp_path / "target.gguf")


def test_weight_matrices_become_q8_0_and_everything_else_keeps_its_type(both: tuple[Any, Any]) -> None:
    types = {tensor.name: tensor.tensor_type.name for tensor in both[1].tensors}
    assert types == {"q4": "Q8_0", "q8": "Q8_0", "f16": "Q8_0", "norm": "F32", "odd": "F32"}


def test_all_metadata_survives_and_the_file_type_says_what_it_now_is(both: tuple[Any, Any]) -> None:
    before, after = ({name: field.contents() for name, field in reader.fields.items()} for reader in both)
    assert after.pop("general.file_type") == 7 and before.pop("general.file_type") == 3
    assert after == before


def test_weights_stay_what_they_were_up_to_the_rounding_of_q8_0(both: tuple[Any, Any]) -> None:
    import numpy as np

    for old, new in zip(both[0].tensors, both[1].tensors, strict=True):
        before = gguf.quants.dequantize(old.data, old.tensor_type)
        after = gguf.quants.dequantize(new.data, new.tensor_type)
        assert np.abs(before - after).max() <= np.abs(before).max() / 127
        if old.tensor_type == new.tensor_type:
            assert np.array_equal(old.data, new.data)


def test_the_same_source_always_gives_the_same_bytes(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "source.gguf")
    requantise(tmp_path / "source.gguf", tmp_path / "one.gguf")
    requantise(tmp_path / "source.gguf", tmp_path / "two.gguf")
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_the_source_is_left_as_it_was(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "source.gguf")
    before = (tmp_path / "source.gguf").read_bytes()
    requantise(tmp_path / "source.gguf", tmp_path / "target.gguf")
    assert (tmp_path / "source.gguf").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all, whatever its name says"])
def test_a_file_that_is_no_model_is_refused_and_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "source.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=r"source\.gguf"):
        requantise(tmp_path / "source.gguf", tmp_path / "target.gguf")
