"""What a training says of itself at its start, and that earlier ones stay comparable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.keeping import MOST_KEPT, begin


def told(output: Path, name: str = "training.json") -> dict[str, Any]:
    return json.loads((output / name).read_text())


def finished(output: Path, identity: str) -> None:
    begin(output, {"identity": identity}, fresh=False)
    (output / "metrics.jsonl").write_text('{"step": 1}\n')
    (output / "result.json").write_text(json.dumps({"identity": identity}))


def test_another_training_keeps_the_figures_of_the_one_before(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    begin(tmp_path, {"identity": "second"}, fresh=False)
    assert told(tmp_path)["identity"] == "second"
    assert not (tmp_path / "result.json").exists() and not (tmp_path / "metrics.jsonl").exists()
    [kept] = (tmp_path / "earlier").iterdir()
    assert told(kept)["identity"] == told(kept, "result.json")["identity"] == "first"


def test_the_same_training_goes_on_as_itself(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    before = told(tmp_path)
    begin(tmp_path, {"identity": "first"}, fresh=False)
    assert told(tmp_path) == before
    assert not (tmp_path / "earlier").exists()


def test_begun_afresh_it_is_another_one(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    begin(tmp_path, {"identity": "first"}, fresh=True)
    assert len(list((tmp_path / "earlier").iterdir())) == 1


def test_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    for number in range(MOST_KEPT + 4):
        begin(tmp_path, {"identity": f"{number}", "began": float(number)}, fresh=False)
    kept = sorted(path.name for path in (tmp_path / "earlier").iterdir())
    assert len(kept) == MOST_KEPT
