"""An upload through the real SDK: listed first, private, never twice, and a card that hides nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from core.cli import character
from core.errors import RunError, SettingsError
from core.model_card import Facts, Measured, adapter_card, dataset_card, licence_of, quiet
from core.settings import PROJECT, Settings
from core.stages.upload import hub_of, plan_upload, upload
from core.store.jsonl import write_json
from tests.core.bundle_kit import finished, studio
from tests.core.character_kit import UNHURRIED, a_character
from tests.hub_server import READS, WRITES, Hub, Repo


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, hub: Hub) -> Settings:
    settings = studio(tmp_path, HF_TOKEN=WRITES, HF_ENDPOINT=hub.url)
    finished(settings)
    adapter = settings.lora_path / "parrot-dpo" / "pirate" / "adapter"
    (adapter / "adapter.gguf").write_bytes(b"GGUF" + b"\1" * 5000)
    (adapter / "adapter_model.safetensors").write_bytes(b"\2" * 9000)
    about = json.loads((adapter / "provenance.json").read_text())
    write_json(
        adapter / "provenance.json", about | {"base": {"name": "smollm2-135m"}, "data": {"rows": 20}}
    )
    return settings


def test_adapter_and_data_set_arrive_private_and_whole(home: Settings, hub: Hub) -> None:
    targets = plan_upload(home, "pirate", "ann/pirate", "both")
    done = upload(home, targets)
    assert [one.changed for one in done] == [True, True]
    model, data = hub.repos["models/ann/pirate"], hub.repos["datasets/ann/pirate"]
    assert model.private and data.private
    for target, repo in zip(targets, (model, data), strict=True):
        assert set(repo.files) == {item.name for item in target.items}
        for item in target.items:
            whole = item.content if isinstance(item.content, bytes) else item.content.read_bytes()
            assert repo.files[item.name] == whole
    config = json.loads(model.files["adapter_config.json"])
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert hub.tokens == {WRITES}


def test_a_second_time_it_is_there_and_nothing_is_sent(home: Settings, hub: Hub) -> None:
    upload(home, plan_upload(home, "pirate", "ann/pirate"))
    puts, commits = list(hub.puts), list(hub.repos["models/ann/pirate"].commits)
    done = upload(home, plan_upload(home, "pirate", "ann/pirate"))
    assert [one.changed for one in done] == [False]
    assert (hub.puts, hub.repos["models/ann/pirate"].commits) == (puts, commits)


def test_killed_in_the_middle_the_same_command_sends_only_what_is_missing(home: Settings, hub: Hub) -> None:
    hub.stall_at = 2
    words = [sys.executable, "-m", "core", "upload", "pirate", "--repo", "ann/pirate", "--json"]
    environment = os.environ | home.for_subprocess()
    child = subprocess.Popen(
        words, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert hub.stalled.wait(60)
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    first = list(hub.puts)
    assert hub.repos["models/ann/pirate"].files == {}
    hub.stall_at = 0
    hub.release.set()
    done = subprocess.run(words, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["changed"] is True
    assert len(hub.puts) == len(set(hub.puts)) == 2 and hub.puts[: len(first)] == first
    assert len(hub.repos["models/ann/pirate"].commits) == 2
    assert WRITES not in done.stdout + done.stderr


def test_a_dry_run_lists_every_file_and_sends_nothing(
    home: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_PATH", str(home.data_path))
    words = ["upload", "pirate", "--both", "--repo", "ann/pirate", "--dry-run", "--show-card", "--json"]
    done = CliRunner().invoke(character, words)
    assert done.exit_code == 0, done.output
    for name in ("adapter_model.safetensors", "adapter.gguf", "README.md", "train.jsonl"):
        assert name in done.output
    assert json.loads(done.output.splitlines()[-1])["private"] is True
    assert hub.requests == []


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "HF_TOKEN"),
        ("hf_mistyped_0123456789", "does not accept"),
        (READS, "may not write to ann/pirate"),
    ],
)
def test_a_token_that_is_missing_wrong_or_only_reads_is_told_apart(
    home: Settings, hub: Hub, tmp_path: Path, token: str, words: str
) -> None:
    settings = studio(tmp_path, HF_TOKEN=token, HF_ENDPOINT=hub.url)
    with pytest.raises(SettingsError, match=words) as caught:
        upload(settings, plan_upload(settings, "pirate", "ann/pirate"))
    assert not token or token not in str(caught.value)
    assert hub.repos == {}


def test_a_refused_commit_is_a_sentence_and_trying_again_works(home: Settings, hub: Hub) -> None:
    hub.fail_commits = 1
    targets = plan_upload(home, "pirate", "ann/pirate")
    with pytest.raises(RunError, match="refused ann/pirate"):
        upload(home, targets)
    sent = list(hub.puts)
    assert upload(home, targets)[0].changed and hub.puts == sent


def test_what_is_to_be_private_never_goes_where_everybody_sees_it(home: Settings, hub: Hub) -> None:
    hub.repos["models/ann/pirate"] = Repo(private=False)
    targets = plan_upload(home, "pirate", "ann/pirate")
    with pytest.raises(RunError, match="everybody can see it"):
        upload(home, targets)
    assert not hub.puts and not hub.repos["models/ann/pirate"].files
    assert upload(home, targets, private=False)[0].changed


def test_a_token_of_the_environment_stays_home_where_a_folder_names_another_hub(
    home: Settings, hub: Hub, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"HF_ENDPOINT={hub.url}\n")
    settings = studio(tmp_path, HF_TOKEN=WRITES)
    with pytest.raises(SettingsError, match="does not go there"):
        upload(settings, plan_upload(settings, "pirate", "ann/pirate"))
    assert hub.tokens == set() and WRITES in settings.secrets()
    assert "HF_ENDPOINT" not in settings.for_subprocess()
    (tmp_path / ".env").write_text(f"HF_ENDPOINT={hub.url}\nHF_TOKEN={WRITES}\n")
    settings = studio(tmp_path)
    assert upload(settings, plan_upload(settings, "pirate", "ann/pirate"))[0].changed


def test_a_hub_that_is_not_there_is_a_sentence(home: Settings, tmp_path: Path) -> None:
    settings = studio(tmp_path, HF_TOKEN=WRITES, HF_ENDPOINT="http://127.0.0.1:9")
    with pytest.raises(RunError, match=r"cannot be reached|broke off"):
        upload(settings, plan_upload(settings, "pirate", "ann/pirate"))


def test_a_token_never_goes_out_unencrypted(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not encrypted"):
        hub_of(studio(tmp_path, HF_ENDPOINT="http://hub.example.org"))


@pytest.mark.parametrize("repo", ["pirate", "ann/", "ann/pi rate", "../../x", "ann/pirate/more", ""])
def test_what_is_no_repository_is_refused(home: Settings, repo: str) -> None:
    with pytest.raises(SettingsError, match="user/name"):
        plan_upload(home, "pirate", repo)


def test_without_an_adapter_or_pairs_it_says_how_to_make_them(tmp_path: Path) -> None:
    settings = studio(tmp_path)
    with pytest.raises(RunError, match="character train dpo"):
        plan_upload(settings, "pirate", "ann/pirate")
    with pytest.raises(RunError, match="character dpo-data"):
        plan_upload(settings, "pirate", "ann/pirate", "dataset")


# ---- the card


def header(card: str) -> dict[str, object]:
    """The fields before the text, as the hub reads them."""
    import yaml

    return yaml.safe_load(card.split("---\n")[1])


def test_the_card_says_what_was_measured_over_how_many_and_what_was_not(home: Settings) -> None:
    card = plan_upload(home, "pirate", "ann/pirate")[0].items[0].content
    assert isinstance(card, bytes)
    text = card.decode()
    assert "20 preference pairs" in text and "Teacher: fake/parrot" in text
    assert re.search(r"\*\*Traits\*\* \(\d+ prompts", text)
    assert "Not measured: robustness, long talks, coherence" in text
    assert "role-play character" in text and "may say false things" in text
    assert "PeftModel.from_pretrained(model, 'ann/pirate')" in text and "--lora adapter.gguf" in text
    assert header(text)["license"] == "apache-2.0"


def test_nothing_measured_and_an_unknown_base_are_said_plainly() -> None:
    text = adapter_card(Facts("Ada", "ann/ada", a_character()))
    assert "Nothing was measured" in text and "base model is not known" in text
    assert licence_of("somebody/something") == "other"


@UNHURRIED
@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_of_a_character_becomes_markup_or_a_field_of_the_header(
    summary: str, headline: str
) -> None:
    facts = Facts(
        "Ada",
        "ann/ada",
        a_character(summary=summary + "\n---\nlicense: mit\n<img src=x> [a](javascript:b)"),
        measured=(Measured("traits", headline + "\n# Big", 5),),
        pairs=3,
    )
    for card in (adapter_card(facts), dataset_card(facts)):
        assert header(card)["license"] == "other"
        assert "<img" not in card.replace("\\<img", "") and "\n# Big" not in card
        assert "[a](" not in card.replace("\\[a\\](", "")
    assert "\n" not in quiet(summary)
