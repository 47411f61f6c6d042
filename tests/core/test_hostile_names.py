"""No name that a person can give leads out of its folder, and none brings a traceback (X3)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from core.cli import character
from core.errors import CoreError
from core.settings import load_settings
from core.store.library import Library
from core.store.runs import open_run

CANARY = "the-canary-sang"
HOSTILE = {
    "up": "../x",
    "far up": "../../../../../../../../etc/passwd",
    "absolute": "/etc/x",
    "inside": "a/b",
    "other slash": "..\\x",
    "zero": "x\x00y",
    "device": "CON",
    "device with ending": "nul.json",
    "flag": "-x",
    "long": "x" * 300,
    "escaped": "%2e%2e",
    "escaped slash": "..%2fx",
    "dots": "..",
    "dot": ".",
    "empty": "",
    "newline": "a\nb",
    "home": "~",
    "bidi": "a\u202eb",
    "link": "link",
}
# {} is the hostile name; a door that takes no link by design leaves it out.
DOORS = [
    "constitution show {}",
    "constitution check {}",
    "constitution delete {}",
    "constitution diff {}",
    "constitution diff pirate {}",
    "constitution restore {}",
    "constitution export {}",
    "constitution card {} --to OUT",
    "constitution versions {}",
    "constitution version show pirate {}",
    "constitution version restore pirate {}",
    "constitution version name pirate {} title",
    "constitution version branch pirate latest {}",
    "constitution import FILE --name={}",
    "constitution draft --drafting={}",
    "constitution react {} --praise=a",
    "constitution suggest {} --trait=voice",
    "constitution switchboard {} --question=a --model=fake/parrot",
    "prompts list {}",
    "prompts add {} --text=a",
    "prompts drop {} --text=a",
    "teacher --constitution={} --model=fake/parrot --limit=1",
    "teacher --constitution=pirate --model=fake/parrot --limit=1 --run={}",
    "student --constitution=pirate --model=fake/parrot --limit=1 --run={}",
    "dpo-data --constitution={}",
    "dpo-data --constitution=pirate --run={}",
    "dpo-data --constitution=pirate --student={}",
    "dpo-data --constitution=pirate --teacher={}",
    "reflect --constitution={} --model=fake/parrot",
    "sft-data --constitution={}",
    "sft-data --constitution=pirate --model={}",
    "pipeline {} --teacher=fake/parrot --student=fake/parrot --limit=1",
    "lineage {}",
    "pairs-index --constitution={}",
    "pairs-index --constitution=pirate --run={}",
    "review {}",
    "review pirate --run={}",
    "review pirate --keep={}",
    "review pirate --student={}",
    "export pairs {}",
    "export pairs pirate --run={} --undecided",
    "report --constitution={}",
    "report --constitution=pirate --run={}",
    "rate --constitution={} --export=OUT",
    "eval data --constitution={}",
    "eval data --constitution=pirate --run={}",
    "chat --constitution={} --model=fake/parrot --message=hi",
    "chat --model=local/smollm2-135m --adapter={} --message=hi",
    "break {} --model=fake/parrot --question=hi",
    "break pirate --model=local/smollm2-135m --adapter={} --question=hi",
    "reflect --constitution=pirate --model=local/smollm2-135m --adapter={}",
    "bundle export {} --output=OUT",
    "bundle export pirate --run={} --output=OUT",
    "bundle import BUNDLE --as={}",
    "upload {} --repo=me/it --dry-run",
    "upload pirate --repo=me/it --run={} --dry-run",
    "jobs show {}",
    "jobs cancel {}",
    "jobs resume {}",
    "jobs forget {}",
    "train show {}",
    "train cancel {}",
    "train resume {}",
    "train dpo --backend=local --constitution={} --dry-run",
    "train dpo --backend=local --constitution=pirate --student={} --dry-run",
    "merge --constitution={} --dpo=x",
    "models pull {}",
    "models stop {}",
    "trial {}",
    "people remove {}",
]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one run, links that lead out of it, and a character outside that sings."""
    top = tmp_path_factory.mktemp("top")
    os.environ["DATA_PATH"] = str(top / "a" / "b" / "data")
    settings = load_settings(folder=top)
    data = settings.data_path
    pirate = Library(settings).load("pirate").constitution
    open_run(settings, pirate)
    song = json.dumps(pirate.as_dict() | {"name": "x", "summary": CANARY})
    frozen = {"run": "x", "created": 1.0, "constitution": json.loads(song), "constitution_sha256": "0"}
    outside = top / "outside"
    for place in (outside, data.parent, data, data / "runs" / "a", data / "constitutions", data / "loras"):
        (place / "x").mkdir(parents=True)
        (place / "x.json").write_text(song)
        (place / "x" / "run.json").write_text(json.dumps(frozen))
        (place / "x" / "job.json").write_text(json.dumps({"title": CANARY}))
    for folder, ending in (
        ("constitutions/hand-written", ".json"),
        ("runs", ""),
        ("loras", ""),
        ("jobs", ""),
    ):
        (data / folder).mkdir(parents=True, exist_ok=True)
        (data / folder / f"link{ending}").symlink_to(outside / f"x{ending}")
    (top / "in.json").write_text(json.dumps(pirate.as_dict()))
    done = CliRunner().invoke(
        character, ["bundle", "export", "pirate", "--output", str(top / "pirate.zip")]
    )
    assert done.exit_code == 0, done.output
    return top


def told(place: Path) -> dict[str, bytes]:
    """Everything outside the data folder's own places, and what it holds."""
    own = place / "a" / "b" / "data"
    watched = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    return {
        str(path): path.read_bytes() for path in watched if own not in path.parents or "x" in path.parts
    }


def is_fine(door: str, kind: str) -> bool:
    """Nothing after an option means its default; a link among one's characters is put away as itself."""
    own_link = ("constitution delete", "constitution restore", "prompts list")
    return (kind == "empty" and ("={}" in door or "pirate {}" in door)) or (
        kind == "link" and door.startswith(own_link)
    )


def call(door: str, name: str, top: Path) -> Result:
    places = {"OUT": top / "a" / "out", "FILE": top / "in.json", "BUNDLE": top / "pirate.zip"}
    words = [word.replace("{}", name) if "{}" in word else word for word in door.split()]
    for mark, path in places.items():
        words = [
            word.replace(mark, str(path)) if mark in word and name not in word else word for word in words
        ]
    return CliRunner().invoke(character, words)


@pytest.mark.parametrize("door", DOORS)
def test_a_hostile_name_opens_nothing(studio: Path, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PATH", str(studio / "a" / "b" / "data"))
    before = told(studio)
    wrong: list[str] = []
    for kind, name in HOSTILE.items():
        done = call(door, name, studio)
        error = done.exception
        if error is not None and not isinstance(error, CoreError | SystemExit | click.ClickException):
            wrong.append(f"{kind}: {type(error).__name__}: {error}")
        if CANARY in done.output or CANARY in str(error or ""):
            wrong.append(f"{kind}: read what lies outside")
        if done.exit_code == 0 and not is_fine(door, kind):
            wrong.append(f"{kind}: went through: {done.output[:200]!r}")
        if told(studio) != before:
            changed = set(told(studio).items() ^ before.items())
            wrong.append(f"{kind}: wrote {sorted(path for path, _ in changed)}")
            before = told(studio)
    assert not wrong, "\n".join(wrong)
