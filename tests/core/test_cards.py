"""Cards, YAML and biographies: what is said of a character becomes traits that it says itself, or is named
with the reason why not; and a character of ours goes out and comes back whole."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from core.cards import Card, card_json, card_png, is_card, proposed, read_card
from core.cards.first_person import Speaker, base_of, imperative
from core.cards.model import Proposals, proposals_of
from core.cards.png import SIGNATURE, card_text, picture_with
from core.cards.sentences import Entry, sentences
from core.cards.writing import card_value
from core.cli import character
from core.constitution import Constitution
from core.errors import ConstitutionError
from core.settings import Settings
from core.store.library import Library
from core.store.proposals import ProposalShelf
from tests.core.character_kit import UNHURRIED, a_character, characters

ADA: dict[str, Any] = {
    "name": "Ada",
    "description": (
        "Ada is a 34 year old lighthouse keeper. She has red hair. {{char}} speaks slowly and weighs every "
        'word.\nLikes: tea, storms, old maps\nPersonality("kind" + "stubborn")\nAge: 34'
    ),
    "personality": "dry, patient",
    "scenario": "{{user}} is a sailor whose ship ran aground.",
    "first_mes": "*She lifts the lamp.* Come in, {{user}}.",
    "mes_example": "<START>\n{{user}}: Are you alone?\n{{char}}: Alone? No.\nThere's the sea.\n<START>\n"
    "{{user}}: Tea?\n{{char}}: Always.",
}
MORE = {
    "system_prompt": "You are Ada. Speak in short sentences. Write {{char}}'s next reply in a roleplay.",
    "post_history_instructions": "Never explain a joke.",
    "alternate_greetings": ["Hm. A visitor."],
    "character_book": {"entries": [{}, {}]},
    "creator_notes": "Enjoy!",
    "tags": ["sea"],
    "extensions": {},
}


def card(version: int, **changes: Any) -> dict[str, Any]:
    """Ada's card in one of the three forms."""
    if version == 1:
        return ADA | changes
    return {
        "spec": f"chara_card_v{version}",
        "spec_version": f"{version}.0",
        "data": ADA | MORE | changes,
    }


def offered(value: Any, filename: str = "ada.json") -> Proposals:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert is_card(data, filename)
    return proposed(read_card(data, filename), filename)


# ---- sentences


@pytest.mark.parametrize(
    ("said", "own"),
    [
        ("Ada loves riddles and never gives her key away.", "I love riddles and never give my key away."),
        ("She is a retired captain who misses her crew.", "I am a retired captain who misses my crew."),
        ("{{char}} always answers {{user}}'s questions.", "I always answer their questions."),
        ("Ada's laugh fills the room.", "My laugh fills the room."),
        ("When people lie to her, she gets very quiet.", "When people lie to me, I get very quiet."),
        ("She's been hurt but doesn't complain", "I've been hurt but don't complain."),
        ("She sees it, tries to stay calm and goes home.", "I see it, try to stay calm and go home."),
        ("People trust Ada because she listens.", "People trust me because I listen."),
        ("She likes cats and dogs.", "I like cats and dogs."),
        ("She quietly fixes things and weighs every word.", "I quietly fix things and weigh every word."),
        ("She did it herself.", "I did it myself."),
        ("I say what I mean.", "I say what I mean."),
        ("You are patient with your guests.", "I am patient with my guests."),
    ],
)  # fmt: skip
def test_what_is_said_of_her_she_says_herself(said: str, own: str) -> None:
    assert Speaker("Ada Byron", "she").says(said) == own


def test_a_sentence_about_somebody_else_is_no_trait() -> None:
    assert Speaker("Ada", "she").says("The storm has lasted three days.") is None


def test_fragments_of_a_description_are_about_her() -> None:
    speaker = Speaker("Ada", "she")
    assert speaker.says("Loves tea and hates noise.", is_about=True) == "I love tea and hate noise."
    assert speaker.says("A keeper of small promises", is_about=True) == "I am a keeper of small promises."
    assert speaker.says("kind, brave, loyal", is_about=True) == "I am kind, brave and loyal."


def test_orders_become_what_the_character_does() -> None:
    assert imperative("Speak in riddles.") == "I speak in riddles."
    assert imperative("Never explain a joke.") == "I never explain a joke."
    assert imperative("The moon is full.") is None


@pytest.mark.parametrize(
    ("verb", "base"),
    [
        ("tries", "try"),
        ("watches", "watch"),
        ("goes", "go"),
        ("lies", "lie"),
        ("kisses", "kiss"),
        ("is", "is"),
    ],
)
def test_verbs_lose_their_ending(verb: str, base: str) -> None:
    assert base_of(verb) == base


def test_lists_are_found_in_every_form_that_authors_use() -> None:
    text = 'Likes("tea" + "rain")\n[Ada\'s fears: fire, crowds; age: 40]\nSkills: cooking, maps\n'
    found = [piece for piece in sentences(text) if isinstance(piece, Entry)]
    assert [(one.label, one.values) for one in found] == [
        ("Likes", ("tea", "rain")),
        ("fears", ("fire", "crowds")),
        ("age", ("40",)),
        ("Skills", ("cooking", "maps")),
    ]


def test_titles_and_initials_end_no_sentence() -> None:
    assert list(sentences("Dr. Ada J. Byron keeps the light. She sleeps by day.")) == [
        "Dr. Ada J. Byron keeps the light.",
        "She sleeps by day.",
    ]


# ---- whole cards


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_form_of_card_gives_traits_beside_their_sentences(version: int) -> None:
    found = offered(card(version))
    pairs = {item.text: item.source for item in found.traits}
    assert pairs["I am a lighthouse keeper."] == "Ada is a 34 year old lighthouse keeper."
    assert pairs["I speak slowly and weigh every word."].startswith("{{char}} speaks slowly")
    assert pairs["I like tea, storms and old maps."] == "Likes: tea, storms, old maps"
    assert (found.name, found.spec) == ("ada", f"V{version}")
    assert [(item.user, item.text) for item in found.exchanges[:2]] == [
        ("Are you alone?", "Alone? No.\nThere's the sea."),
        ("Tea?", "Always."),
    ]
    assert found.constitution().traits[0].trait in pairs


def test_what_could_not_be_used_is_listed_with_its_reason() -> None:
    found = offered(card(2))
    reasons = {one.source: one.reason for one in found.unused}
    assert "looks" in reasons["She has red hair."]
    assert "talks" in reasons["{{user}} is a sailor whose ship ran aground."]
    assert "lorebook" in reasons["2 entries"]
    assert "program" in reasons["Write {{char}}'s next reply in a roleplay."]
    assert {"Age: 34", "Enjoy!", "sea"} <= set(reasons)


def test_every_text_of_a_card_is_proposed_or_listed_and_none_is_lost() -> None:
    found = offered(card(2))
    told = " ".join([item.source for item in found.items] + [one.source for one in found.unused])
    told += " ".join(item.user for item in found.items)
    for name in ("description", "personality", "scenario", "first_mes", "system_prompt"):
        for word in (ADA | MORE)[name].replace("\n", " ").split():
            assert word in told, (name, word)


def test_only_what_is_ticked_becomes_the_character_and_edits_count() -> None:
    found = offered(card(2))
    first, second = found.traits[:2]
    chosen = found.changed(first.id, keep=False).changed(second.id, text="I keep the light.")
    made = [trait.trait for trait in chosen.constitution().traits]
    assert first.text not in made and "I keep the light." in made
    assert proposals_of(json.loads(json.dumps(chosen.as_dict())), "x") == chosen


def test_a_dozen_traits_are_ticked_and_the_rest_wait() -> None:
    many = " ".join(f"She collects kind number {number}." for number in range(30))
    found = offered(card(2, description=many))
    assert len(found.traits) > 30 and sum(item.keep for item in found.traits) == 12


def test_greetings_say_that_the_hello_is_ours() -> None:
    greetings = [item for item in offered(card(2)).exchanges if item.field == "greeting"]
    assert [item.keep for item in greetings] == [True, False]
    assert all("ours" in item.note for item in greetings)


def test_a_biography_names_its_character_and_a_yaml_file_is_read_by_its_names() -> None:
    text = b"Mara Quill is a retired detective. She never trusts a smile. Lyon is a city."
    found = offered(text, "notes.txt")
    assert (found.name, found.spec) == ("mara-quill", "biography")
    assert [item.text for item in found.traits] == ["I am a retired detective.", "I never trust a smile."]
    assert found.unused[0].source == "Lyon is a city."
    yaml = b"name: Mara\npersonality: [wry, patient]\nways: [She counts stairs whenever she climbs them.]\n"
    found = offered(yaml, "mara.yaml")
    assert {item.text for item in found.traits} == {
        "I am wry and patient.",
        "I count stairs whenever I climb them.",
    }


# ---- out and back


@UNHURRIED
@given(characters())
def test_any_character_comes_back_from_its_own_card_whole(one: Constitution) -> None:
    for data in (card_json(one, 2), card_json(one, 3), card_png(one)):
        back = offered(data, "x.png").constitution()
        assert back == one


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=200
).filter(str.strip)


@UNHURRIED
@given(
    st.fixed_dictionaries(
        {"description": TEXT, "personality": TEXT, "first_mes": TEXT, "mes_example": TEXT}
    )
)
def test_any_text_of_a_card_survives_the_picture(fields: dict[str, str]) -> None:
    value = {"spec": "chara_card_v2", "data": {"name": "Ada", **fields}}
    picture = picture_with({"chara": json.dumps(value).encode()}, "ada")
    assert read_card(picture, "ada.png").fields == fields


@UNHURRIED
@given(st.dictionaries(st.sampled_from([*ADA, *MORE]), TEXT | st.none() | st.integers() | st.lists(TEXT)))
def test_any_card_is_read_or_refused_in_words(fields: dict[str, Any]) -> None:
    data = json.dumps({"spec": "chara_card_v2", "data": fields}).encode()
    try:
        found = proposed(read_card(data, "x.json"), "x.json")
    except ConstitutionError as error:
        assert error.problems
    else:
        assert all(item.text.strip() for item in found.items)


def test_a_card_of_ours_has_every_field_that_others_ask_for() -> None:
    for version in (2, 3):
        data = card_value(a_character(), version)["data"]  # type: ignore[arg-type]
        asked = "name description personality scenario first_mes mes_example creator_notes system_prompt"
        asked += " post_history_instructions alternate_greetings tags creator character_version extensions"
        assert set(asked.split()) <= set(data)
    assert "{{user}}: I passed!" in card_value(a_character())["data"]["mes_example"]


# ---- hostile ones


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


END = chunk(b"IEND", b"")
HEAD = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
HOSTILE = {
    "no card in it": (HEAD + END, "without a card"),
    "cut off": (HEAD, "cut off"),
    "a chunk longer than the file": (HEAD + struct.pack(">I4s", 1 << 31, b"tEXt") + b"chara\0", "cut off"),
    "a wrong checksum": (HEAD + chunk(b"tEXt", b"chara\0e30=")[:-1] + b"!" + END, "checksum"),
    "no base64": (HEAD + chunk(b"tEXt", b"chara\0!!!") + END, "base64"),
    "no JSON": (HEAD + chunk(b"tEXt", b"chara\0" + base64.b64encode(b"{oops")) + END, "."),
    "deep JSON": (b'{"spec": "chara_card_v2", "data": ' + b"[" * 100_000, "nested"),
    "a field twice": (b'{"spec": "chara_card_v2", "spec": "x", "data": {}}', "twice"),
    "a number for a text": (b'{"spec": "chara_card_v2", "data": {"description": 7}}', "description"),
    "data that is none": (b'{"spec": "chara_card_v2", "data": []}', "data"),
    "nothing said": (b'{"spec": "chara_card_v2", "data": {"name": "x"}}', "every text is empty"),
    "no text at all": (b"  \n ", "empty"),
    "bytes": (b"\xff\xfe\x00\x01" * 10, "UTF"),
    "a huge picture": (SIGNATURE + b"\0" * 31_000_000, "may have 30 MB"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_card_is_refused_in_words(what: str) -> None:
    data, words = HOSTILE[what]
    with pytest.raises(ConstitutionError, match=words):
        read_card(data, "x.txt")


def test_a_picture_that_would_unpack_to_gigabytes_costs_nothing() -> None:
    bomb = chunk(b"IDAT", zlib.compress(b"\0" * 20_000_000, 9)) * 50
    body = chunk(b"tEXt", b"chara\0" + base64.b64encode(json.dumps(card(2)).encode()))
    assert read_card(HEAD + bomb + body + END, "x.png").name == "Ada"


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "alias"),
        ("name: !!python/object/apply:os.system ['true']", "YAML"),
        ("a: " + "[" * 500 + "]" * 500, "nested"),
        ("name: [unclosed", "YAML"),
        ("- 1\n- 2\n", "names with texts"),
        ("x: " + "y" * 600_000, "letters"),
    ],
)
def test_a_hostile_yaml_file_is_refused_and_runs_nothing(text: str, words: str) -> None:
    with pytest.raises(ConstitutionError, match=words):
        read_card(text.encode(), "x.yaml")


def test_v3_counts_where_a_picture_holds_both() -> None:
    both = {"chara": json.dumps(card(2, name="Old")).encode(), "ccv3": json.dumps(card(3)).encode()}
    assert json.loads(card_text(picture_with(both, "x"), source="x"))["spec"] == "chara_card_v3"


def test_our_own_forms_are_left_to_their_reader() -> None:
    ours = json.dumps(a_character().as_dict()).encode()
    assert not is_card(ours, "pirate.json") and not is_card(b'[{"trait": "I am"}]', "pirate.txt")


# ---- on disk and in a shell


def test_ticks_and_edits_are_on_disk_at_once(settings: Settings) -> None:
    shelf = ProposalShelf(settings)
    id = shelf.keep(offered(card(2)))
    shelf.change(id, lambda now: now.changed(0, keep=False))
    shelf.change(id, lambda now: now.changed(1, text="I keep the light."))
    found = ProposalShelf(settings).load(id)
    assert (found.items[0].keep, found.items[1].text) == (False, "I keep the light.")
    assert [one.id for one in shelf.waiting()] == [id]
    shelf.discard(id)
    assert shelf.waiting() == []
    for wrong in (id, "../../etc/passwd", ""):
        with pytest.raises(ConstitutionError):
            shelf.load(wrong)


def test_the_shell_shows_first_and_keeps_all_with_yes(tmp_path: Path, settings: Settings) -> None:
    file, shell = tmp_path / "ada.json", CliRunner()
    file.write_text(json.dumps(card(2)))
    shown = shell.invoke(character, ["constitution", "import", str(file)])
    assert "from description: Ada is a 34 year old" in shown.output and "Not used:" in shown.output
    assert "ada" not in [entry.name for entry in Library(settings).names()]
    done = shell.invoke(character, ["constitution", "import", str(file), "--yes"])
    assert done.exit_code == 0, done.output
    kept = Library(settings).load("ada").constitution
    out = tmp_path / "ada.png"
    assert shell.invoke(character, ["constitution", "card", "ada", "--to", str(out)]).exit_code == 0
    assert offered(out.read_bytes(), "ada.png").constitution().traits == kept.traits
    assert isinstance(read_card(out.read_bytes(), "ada.png"), Card)
