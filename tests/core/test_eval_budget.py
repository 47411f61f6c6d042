"""A limit of an evaluation holds for everybody who is asked, or nothing begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli import character
from core.errors import SettingsError
from core.settings import load_settings
from core.store.price_table import PriceTable

WORDS = (
    "eval capability --constitution pirate --model fake/parrot --tuned http://127.0.0.1:9/v1#grown "
    "--limit 2"
)


def test_a_limit_with_an_unpriced_model_is_refused_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARACTER_FAKE_ENGINE", "1")
    PriceTable(load_settings(data=tmp_path)).set_own("fake/parrot", 1.0, 1.0)
    words: list[Any] = [*WORDS.split(), "--budget", "5", "--data", str(tmp_path)]
    done = CliRunner().invoke(character, words)
    assert isinstance(done.exception, SettingsError)
    assert "needs the price of http://127.0.0.1:9/v1#grown" in str(done.exception)
    assert not list(tmp_path.glob("runs/*/eval-answers"))
