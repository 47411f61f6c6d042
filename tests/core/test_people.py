"""Who may enter a shared studio, as the shell keeps it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.cli import character
from core.errors import SettingsError
from core.settings import load_settings
from core.store.people import People

PASSWORD = "a long sentence"


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    monkeypatch.setenv("CHARACTER_CONFIG_PATH", str(tmp_path / "config"))
    return People(load_settings())


def test_a_password_is_kept_as_a_hash_in_a_file_for_its_owner_only(people: People) -> None:
    people.add("Ana", PASSWORD)
    people.add("Bo", PASSWORD)
    text = people.path.read_text()
    assert PASSWORD not in text and len({line for line in text.splitlines() if '"hash"' in line}) == 2
    assert stat.S_IMODE(people.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(people.path.parent.stat().st_mode) == 0o700


def test_a_name_is_the_same_in_any_case_and_is_taken_once(people: People) -> None:
    people.add("Ana  Maria", PASSWORD)
    assert people.check("ana maria", PASSWORD) and not people.check("ana maria", "wrong password")
    with pytest.raises(SettingsError, match="already"):
        people.add("ANA MARIA", PASSWORD)
    assert not people.check("nobody", PASSWORD)


@pytest.mark.parametrize("name", ["", "   ", "a" * 41, "a/b", "a\nb\x00", "<b>"])
def test_what_cannot_be_a_name_is_refused_in_words(people: People, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be a name"):
        people.add(name, PASSWORD)


def test_a_short_password_is_refused_and_nobody_is_added(people: People) -> None:
    with pytest.raises(SettingsError, match="8 to"):
        people.add("Ana", "short")
    assert people.all() == []


def test_a_new_password_ends_the_sign_ins_made_with_the_old_one(people: People) -> None:
    before = people.add("Ana", PASSWORD, admin=True)
    after = people.change_password("ana", "another sentence")
    assert before.stamp != after.stamp and after.admin
    people.remove("Ana")
    assert people.get("Ana") is None
    with pytest.raises(SettingsError, match="There is no Ana"):
        people.remove("Ana")


def run(*words: str, text: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(character, list(words), input=text)
    return result.exit_code, result.output + str(result.exception or "")


def test_the_shell_adds_lists_and_removes_people_without_showing_a_password(people: People) -> None:
    code, said = run("people", "add", "Ana", "--admin", "--password-stdin", text=f"{PASSWORD}\n")
    assert code == 0 and PASSWORD not in said
    assert "Ana" in run("people", "list")[1] and '"admin": true' in run("people", "list", "--json")[1]
    assert run("people", "remove", "ana")[0] == 0 and people.all() == []


@pytest.mark.parametrize(
    "flag", ["--address=0.0.0.0", "--host=team.org", "--url=http://team.org", "--sign-in=oidc"]
)
def test_without_share_the_studio_refuses_to_listen_beyond_this_computer(people: People, flag: str) -> None:
    code, said = run("studio", flag, "--no-browser")
    assert code == 2 and "add --share" in said and "127.0.0.1 only" in said


def test_a_shared_studio_that_nobody_could_enter_does_not_start(people: People) -> None:
    assert "character people add" in run("studio", "--share", "--no-browser")[1]
    assert "character people oidc" in run("studio", "--share", "--sign-in=oidc", "--no-browser")[1]


def test_an_identity_provider_without_a_list_of_people_is_refused(people: People) -> None:
    words = ("people", "oidc", "--issuer", "https://id.team.org", "--client-id", "studio")
    assert "Say who may enter" in run(*words)[1]
    code, said = run(*words, "--allow", "@team.org", "--admin", "Ana@team.org", text="hidden-secret\n")
    assert code == 0 and "hidden-secret" not in said
    assert (people.oidc() or {})["allowed"] == ["@team.org", "ana@team.org"]
