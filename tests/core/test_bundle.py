"""A bundle made in one studio goes on in another: the same pairs, the same results, nobody asked again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.cli import character
from core.errors import ConstitutionError, CoreError, RunError
from core.settings import PROJECT, Settings
from core.stages.bundle import export_bundle, read_bundle
from core.stages.bundle_added import read_added
from core.stages.bundle_contents import Parts
from core.stages.bundle_import import NameTaken, import_bundle
from core.stages.dpo_data import PairJob, make_pairs
from core.stages.evals.keeping import latest, results_of
from core.stages.report import report_of
from core.store.added_prompts import added_prompts
from core.store.decisions import Decision, decide, decisions
from core.store.jsonl import write_json
from core.store.library import Library, starter
from core.store.runs import Run, open_run, run_folder
from core.tuning.state import Tuning, store_of, tunings
from core.tuning.trainings import trainings
from tests.core.bundle_kit import ask, dpo_bytes, files_below, finished, pairs_of, studio


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A studio with a finished pirate; tests only read it."""
    settings = studio(tmp_path_factory.mktemp("home"))
    finished(settings)
    return settings


@pytest.fixture
def away(tmp_path: Path) -> Settings:
    return studio(tmp_path / "away")


@pytest.fixture
def file(home: Settings, tmp_path: Path) -> Path:
    return export_bundle(home, "pirate", None, tmp_path / "pirate.zip").path


def run_of(settings: Settings, name: str = "pirate") -> Run:
    return Run(run_folder(settings, Library(settings).load(name).constitution.run_id))


# ---- it reproduces


def test_another_studio_makes_the_same_pair_file_and_asks_nobody(
    home: Settings, away: Settings, file: Path
) -> None:
    found = import_bundle(away, file)
    assert (found.name, found.status, found.run) == ("pirate", "imported", run_of(home).id)
    (away.data_path / "dpo" / "parrot" / "pirate.jsonl").unlink()
    make_pairs(run_of(away), away, PairJob())
    assert dpo_bytes(away) == dpo_bytes(home)
    for role in ("teacher", "student"):
        tally = ask(away, run_of(away), role)
        assert (tally.requests, tally.done) == (0, 24)


def test_evaluations_and_report_say_the_same(home: Settings, away: Settings, file: Path) -> None:
    import_bundle(away, file)
    there, here = run_of(home), run_of(away)
    for before, after in zip(results_of(there, rows=True), results_of(here, rows=True), strict=True):
        assert (before.as_dict(), before.rows) == (after.as_dict(), after.rows)
    assert report_of(here, away).as_dict() == report_of(there, home).as_dict()
    assert (here.folder / "report" / "pirate.html").is_file()


def test_what_people_decided_counts_there_too_and_their_names_stay_here(
    home: Settings, away: Settings, file: Path
) -> None:
    import_bundle(away, file)
    before, after = decisions(run_of(home).folder), decisions(run_of(away).folder)
    assert {pair: (one.verdict, one.reason) for pair, one in before.items()} == {
        pair: (one.verdict, one.reason) for pair, one in after.items()
    }
    assert {one.reviewer for one in before.values()} == {"Ann"}
    assert {one.reviewer for one in after.values()} == {"person 1"}


def test_names_travel_when_they_are_wanted(home: Settings, away: Settings, tmp_path: Path) -> None:
    made = export_bundle(home, "pirate", None, tmp_path / "b.zip", parts=Parts(reviewers=True))
    import_bundle(away, made.path)
    assert {one.reviewer for one in decisions(run_of(away).folder).values()} == {"Ann"}


def test_a_decision_made_under_an_earlier_version_travels_with_the_pairs_it_was_about(
    tmp_path: Path, away: Settings
) -> None:
    settings = studio(tmp_path / "home")
    run = finished(settings)
    elsewhere = open_run(settings, run.constitution(), "pirate-earlier")
    second, third = (row["id"] for row in pairs_of(run, settings)[1:3])
    decide(elsewhere.folder, Decision(second, "drop", at=5.0))
    decide(elsewhere.folder, Decision(third, "drop", at=5.0))
    decide(run.folder, Decision(third, "keep", at=9.0))
    make_pairs(run, settings, PairJob())
    import_bundle(away, export_bundle(settings, "pirate", run, tmp_path / "b.zip").path)
    make_pairs(run_of(away), away, PairJob())
    assert dpo_bytes(away) == dpo_bytes(settings)
    assert decisions(run_of(away).folder)[third].verdict == "keep"


def trained_elsewhere(settings: Settings) -> None:
    """A training at Together and one with OpenRLHF that have ended, and one that still runs."""
    folder = settings.data_path / "tunings"
    for id, state in (("pirate-dpo-1", "registered"), ("pirate-dpo-2", "created")):
        store = store_of(settings, id)
        tuning = Tuning(
            id, "pirate", "dpo", "llama", "meta/llama", "tag", "mark", 1, {"batch_size": 8}, 5.0
        )
        tuning.state, tuning.job_id, tuning.rows = state, f"ft-{id}", 20  # type: ignore[assignment]
        tuning.adapter = str(settings.lora_path / "llama-dpo" / "pirate")
        store.folder.mkdir(parents=True)
        store.save(tuning)
        store.add_metrics([{"step": 1, "train/loss": 0.7}, {"step": 2, "train/loss": 0.5}])
    told = {"kind": "dpo", "constitution": "pirate", "student": "qwen", "began": 7.0, "steps": 2}
    write_json(folder / "openrlhf-1" / "training.json", told)
    gate = {"passed": False, "sentence": "Nothing was learned."}
    write_json(folder / "openrlhf-1" / "result.json", {"gate": gate, "adapter": "/somewhere"})
    (folder / "openrlhf-1" / "metrics.jsonl").write_text('{"step": 1, "loss": 0.9}\n')


def told(settings: Settings, name: str = "pirate") -> list[tuple[object, ...]]:
    """Trainings elsewhere as pages show them, without what only one machine has."""
    return [
        (one.id, one.kind, one.student, one.began, one.rows, one.batch, one.points, one.verdict)
        for one in trainings(settings, name)
        if one.backend != "local" and one.verdict is not None
    ]


def test_trainings_that_ran_elsewhere_are_shown_there_too_and_nothing_goes_on_because_of_it(
    tmp_path: Path, away: Settings
) -> None:
    settings = studio(tmp_path / "home")
    finished(settings)
    trained_elsewhere(settings)
    file = export_bundle(settings, "pirate", None, tmp_path / "b.zip").path
    import_bundle(away, file)
    assert len(told(away)) == 2
    assert told(away) == told(settings)
    assert not tunings(away)
    assert [one.adapter for one in trainings(away, "pirate") if one.backend != "local"] == [None, None]
    named = export_bundle(settings, "pirate", None, tmp_path / "n.zip", parts=Parts(reviewers=True))
    assert import_bundle(settings, named.path).status == "already here"
    import_bundle(away, file, as_name="corsair")
    assert told(away, "corsair") == told(settings)
    without = export_bundle(settings, "pirate", None, tmp_path / "c.zip", parts=Parts(training=False))
    assert not any("trainings/" in one.path for one in without.manifest.files)


# ---- what is in it


def test_the_same_character_gives_the_same_bytes_also_after_a_journey(
    home: Settings, away: Settings, file: Path, tmp_path: Path
) -> None:
    again = export_bundle(home, "pirate", None, tmp_path / "again.zip")
    assert again.path.read_bytes() == file.read_bytes()
    import_bundle(away, file)
    back = export_bundle(away, "pirate", None, tmp_path / "back.zip")
    with zipfile.ZipFile(back.path) as one, zipfile.ZipFile(file) as other:
        names = [name for name in other.namelist() if "report" not in name and name != "manifest.json"]
        assert names == [n for n in one.namelist() if "report" not in n and n != "manifest.json"]
        assert all(one.read(name) == other.read(name) for name in names)


def test_nothing_of_this_machine_and_no_name_of_a_person_is_in_it(home: Settings, file: Path) -> None:
    with zipfile.ZipFile(file) as zip:
        every = b"\n".join(zip.read(name) for name in zip.namelist())
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in zip.infolist())
    for word in (str(home.data_path), str(home.lora_path), str(Path.home()) + "/", '"Ann"'):
        assert word.encode() not in every


def test_a_key_in_any_file_stops_the_export_and_is_not_repeated(tmp_path: Path) -> None:
    key = "sk-or-v1-0123456789abcdef0123456789abcdef"
    settings = studio(tmp_path, OPENROUTER_API_KEY=key)
    run = open_run(settings, Library(settings).load("pirate").constitution)
    (run.folder / "notes.jsonl").write_text(json.dumps({"text": f"my key is {key}"}) + "\n")
    with pytest.raises(CoreError, match=r"keys stands in run/notes\.jsonl") as caught:
        export_bundle(settings, "pirate", run, tmp_path / "b.zip")
    assert key not in str(caught.value)
    assert not list(tmp_path.glob("*.zip")) and not list(tmp_path.glob(".*.tmp"))


def test_weights_travel_only_when_asked_and_then_stand_in_their_place(
    home: Settings, away: Settings, file: Path, tmp_path: Path
) -> None:
    assert "adapter" not in read_bundle(file).parts
    made = export_bundle(home, "pirate", None, tmp_path / "b.zip", parts=Parts(adapter=True))
    assert "adapter" in made.manifest.parts
    import_bundle(away, made.path)
    place = "parrot-dpo/pirate/adapter/adapter_model.safetensors"
    assert (away.lora_path / place).read_bytes() == (home.lora_path / place).read_bytes()
    result = json.loads((away.lora_path / "parrot-dpo" / "pirate" / "result.json").read_text())
    assert result["adapter"] == str(away.lora_path / "parrot-dpo" / "pirate" / "adapter")


def test_the_character_alone_is_a_bundle_too(home: Settings, away: Settings, tmp_path: Path) -> None:
    settings = studio(tmp_path / "fresh")
    Library(settings).save(starter("gardener"), base_revision=None)
    made = export_bundle(settings, "gardener", None, tmp_path / "b.zip")
    found = import_bundle(away, made.path)
    assert (found.name, found.run, found.status) == ("gardener", None, "imported")
    assert Library(away).load("gardener").constitution == Library(settings).load("gardener").constitution


def test_prompts_a_model_wrote_arrive_and_those_the_author_dropped_stay_away(
    tmp_path: Path, away: Settings
) -> None:
    settings = studio(tmp_path / "home")
    library = Library(settings)
    loaded = library.load("pirate").constitution
    trait = loaded.traits[0].id
    dropped = library.additional("pirate").by_trait[trait][0]
    library.edit_additional(loaded, trait, dropped, None)
    library.add_additional(loaded, {trait: ["What does the fog smell of?"]})
    found = import_bundle(away, export_bundle(settings, "pirate", None, tmp_path / "b.zip").path)
    assert found.notes == (
        "The same pirate was here. Its prompts: 1 added, 1 taken out that its author had dropped.",
    )
    there, here = library.additional("pirate").by_trait, Library(away).additional("pirate").by_trait
    assert {id: set(texts) for id, texts in there.items()} == {id: set(texts) for id, texts in here.items()}


# ---- what is here is never overwritten


def test_prompts_that_people_added_arrive_and_one_dropped_here_does_not_come_back(
    tmp_path: Path, away: Settings
) -> None:
    settings = studio(tmp_path / "home")
    run = finished(settings)
    kept = added_prompts(settings, "pirate")
    kept.add(run.constitution(), "Who are you really?", run.constitution().traits[0].id, "drop-role")
    kept.add(run.constitution(), "Say it plainly.", None, "hand")
    made = export_bundle(settings, "pirate", run, tmp_path / "b.zip").path
    import_bundle(away, made)
    there = added_prompts(away, "pirate")
    assert there.all() == kept.all()
    there.drop("Say it plainly.")
    assert import_bundle(away, made).status == "already here"
    assert [one.text for one in there.all()] == ["Who are you really?"]


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"prompt": "", "trait": null, "origin": "hand"}',
        b'{"prompt": "a\\u0000b", "trait": null, "origin": "hand"}',
        b'{"prompt": "Hello", "trait": "nobody-has-it", "origin": "hand"}',
        b'{"prompt": "Hello", "trait": ["voice"], "origin": "hand"}',
        b'{"prompt": "Hello", "trait": null}',
    ],
)
def test_an_added_prompt_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(RunError, match="othing was imported"):
        read_added(line, starter("pirate"))


def test_a_second_time_it_is_already_here_and_nothing_changes(away: Settings, file: Path) -> None:
    import_bundle(away, file)
    decide(run_of(away).folder, Decision("c0ffee", "drop"))
    before = files_below(away.data_path)
    assert import_bundle(away, file).status == "already here"
    assert files_below(away.data_path) == before


def test_another_character_of_the_name_is_kept_and_a_free_name_is_proposed(
    away: Settings, file: Path
) -> None:
    library = Library(away)
    loaded = library.load("pirate")
    library.save(starter("pirate"), base_revision=loaded.revision)
    before = files_below(away.data_path)
    with pytest.raises(NameTaken, match="--as pirate-2") as caught:
        import_bundle(away, file)
    assert files_below(away.data_path) == before
    found = import_bundle(away, file, as_name=caught.value.proposed)
    assert (found.name, found.status) == ("pirate-2", "imported")
    assert library.load("pirate").constitution == starter("pirate")


def test_under_another_name_everything_follows_and_still_nobody_is_asked(
    home: Settings, away: Settings, file: Path
) -> None:
    import_bundle(away, file, as_name="buccaneer")
    run = run_of(away, "buccaneer")
    assert run.id.startswith("buccaneer-") and run.constitution().name == "buccaneer"
    result = latest(run, "traits")
    assert result and result.rows
    assert (result.constitution, result.run) == ("buccaneer", run.id)
    assert result.constitution_sha256 == run.constitution().content_hash
    assert result.command == ["eval", "traits", "--constitution", "buccaneer"]
    assert (away.lora_path / "parrot-dpo" / "buccaneer" / "training.json").is_file()
    make_pairs(run, away, PairJob())
    assert dpo_bytes(away, "buccaneer") == dpo_bytes(home)
    assert ask(away, run, "teacher").requests == 0


def test_other_work_under_the_same_run_is_kept(away: Settings, file: Path) -> None:
    run = open_run(away, Library(away).load("pirate").constitution)
    before = files_below(away.data_path)
    with pytest.raises(NameTaken, match="has other work here already"):
        import_bundle(away, file)
    assert files_below(away.data_path) == before
    assert run.prompts() == {}


def test_a_name_that_cannot_be_one_is_refused(away: Settings, file: Path) -> None:
    with pytest.raises(ConstitutionError):
        import_bundle(away, file, as_name="../evil")


def test_an_export_overwrites_only_an_earlier_bundle_of_the_same_character(
    home: Settings, tmp_path: Path
) -> None:
    foreign = tmp_path / "novel.zip"
    foreign.write_text("my novel")
    with pytest.raises(RunError, match="no bundle of pirate"):
        export_bundle(home, "pirate", None, foreign)
    assert foreign.read_text() == "my novel"


# ---- killed and started again

_KILLED = """
import os, signal, sys
from pathlib import Path
import core.stages.bundle_import as stage
from core.settings import load_settings
moves = 0
put = stage._put
def dying(move):
    global moves
    if moves == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    moves += 1
    put(move)
stage._put = dying
stage.import_bundle(load_settings(), Path(sys.argv[1]))
"""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_killed_between_any_two_moves_the_same_command_goes_on(
    home: Settings, away: Settings, file: Path, after: int
) -> None:
    environment = os.environ | {"DATA_PATH": str(away.data_path)}
    command = [sys.executable, "-c", _KILLED.format(after=after), str(file)]
    done = subprocess.run(command, cwd=PROJECT, env=environment, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert import_bundle(away, file).status == "imported"
    make_pairs(run_of(away), away, PairJob())
    assert dpo_bytes(away) == dpo_bytes(home)
    assert not [path for path in (away.data_path / ".bundles").iterdir() if path.is_dir()]


# ---- the shell


def test_the_shell_shows_exports_and_imports(
    home: Settings, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = CliRunner()
    shown = shell.invoke(character, ["bundle", "show", str(file), "--json"])
    about = json.loads(shown.output.splitlines()[-1])
    assert (about["character"], about["counts"]["teacher answers"]) == ("pirate", 24)
    target = str(tmp_path / "out.zip")
    words = ["bundle", "export", "pirate", "--output", target, "--data", str(home.data_path), "--json"]
    done = shell.invoke(character, words)
    assert json.loads(done.output.splitlines()[-1])["files"] == [target]
    monkeypatch.setenv("DATA_PATH", str(tmp_path / "third"))
    done = shell.invoke(character, ["bundle", "import", target, "--as", "buccaneer", "--json"])
    told = json.loads(done.output.splitlines()[-1])
    assert (told["name"], told["outcome"], done.exit_code) == ("buccaneer", "imported", 0)
