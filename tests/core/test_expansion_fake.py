"""Promises of the fake engine, on which other tests rest."""

from __future__ import annotations

import asyncio

import pytest

from core.constitution import Trait
from core.engines import Engine
from core.engines.fake import FakeEngine
from core.errors import EngineError
from core.expansion import Mix, messages_for
from core.prompt_lists import parse_prompts
from core.records import Completion, Message, Sampling

ASK = [Message("user", "Why is the garden wet?")]
TRAIT = Trait("voice", "I talk slowly.", ("What is tax?",))


def ask(engine: Engine, messages: list[Message] = ASK, sampling: Sampling | None = None) -> Completion:
    return asyncio.run(engine.complete(messages, sampling or Sampling()))


def test_equal_calls_get_equal_answers_and_another_seed_another() -> None:
    first, second = ask(FakeEngine()), ask(FakeEngine())
    assert first == second
    assert ask(FakeEngine(), sampling=Sampling(seed=7)).text != first.text


def test_a_character_is_known_by_its_voice() -> None:
    system = Message("system", "You are a pirate.")
    voiced = [
        ask(FakeEngine(), [system, Message("user", text)]).text for text in ("Why?", "Who came by today?")
    ]
    assert voiced[0].split("!")[0] == voiced[1].split("!")[0]
    assert not ask(FakeEngine()).text.startswith(voiced[0].split("!")[0])


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("wanted", [Mix(short=4), Mix(medium=3), Mix(long=2)])
def test_a_brief_gets_a_list_of_the_length_and_count_asked_for(wanted: Mix, small: bool) -> None:
    messages = messages_for(TRAIT, wanted=wanted, seeds=TRAIT.questions, small=small)
    assert Mix.counted(parse_prompts(ask(FakeEngine(), messages).text)) == wanted


def test_a_mixed_brief_gets_a_mixed_list() -> None:
    messages = messages_for(TRAIT, wanted=Mix(2, 3, 1))
    assert Mix.counted(parse_prompts(ask(FakeEngine(), messages).text)) == Mix(2, 3, 1)


def test_the_script_comes_first_and_failures_in_it_are_raised() -> None:
    engine = FakeEngine(script=["Hello.", EngineError("busy"), Completion("", "stop")])
    assert ask(engine).text == "Hello."
    with pytest.raises(EngineError, match="busy"):
        ask(engine)
    assert ask(engine).text == ""
    assert ask(engine).text == ask(FakeEngine()).text
    assert engine.requests == 4
    assert engine.history[0].messages == tuple(ASK)


def test_an_answer_beyond_the_limit_is_cut_and_says_so() -> None:
    answer = ask(FakeEngine(), sampling=Sampling(max_tokens=3))
    assert answer.finish_reason == "length"
    assert len(answer.text.split()) == answer.usage.completion == 3


def test_it_knows_how_many_calls_were_under_way() -> None:
    engine = FakeEngine()

    async def five() -> None:
        await asyncio.gather(*(engine.complete(ASK, Sampling()) for _ in range(5)))

    asyncio.run(five())
    assert engine.most_at_once == 5


def test_it_says_that_it_is_fake_and_that_it_was_closed() -> None:
    engine = FakeEngine("parrot")
    asyncio.run(engine.close())
    assert (engine.name, engine.identity.origin, engine.closed) == ("fake/parrot", "fake", True)
