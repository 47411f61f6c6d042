"""`character chat`: talk with a model, with its adapter at any strength, in a shell."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from core.attacks import ATTACKS, PLAIN, Attack
from core.cli.options import data_option, json_option, provider_option
from core.cli.output import Result, finish, whisper
from core.embedded.adapters import LocalAdapter, checked_strength, find_adapter
from core.errors import CoreError, SettingsError
from core.names import ModelName, assistant_name, parse_model
from core.pairs import system_prompt
from core.records import Message, Sampling
from core.settings import Settings, load_settings
from core.stages.chat import CHAT, can_begin, stream_answer
from core.stages.defaults import PROVIDER
from core.store.library import Library

HALF = (
    "Note: this adapter was trained on top of another one, which is not loaded; for the whole character "
    "merge the two: character merge --constitution NAME, then --adapter merged/NAME."
)
HELP = "/reset begins anew · /strength 0.5 turns the adapter up or down · /help · Ctrl-D leaves"


@dataclass(slots=True)
class Chat:
    """A conversation: with whom, and what was said so far."""

    settings: Settings
    model: ModelName
    adapter: LocalAdapter | str | None
    strength: float
    sampling: Sampling
    opening: tuple[Message, ...] = ()
    attack: Attack = ATTACKS[PLAIN]
    turns: list[Message] = field(default_factory=list[Message])

    def reset(self) -> None:
        """Forget what was said; the system prompt stays."""
        self.turns.clear()

    def answer(self, text: str, *, aloud: bool = True) -> str:
        """Say something and print the answer as it comes. Raises CoreError; the turn is then forgotten."""
        sent, pieces = self.attack.conversation(self.attack.question(text)), list[str]()
        asked = Message("user", self.attack.wrapped(self.attack.question(text)))
        stream = stream_answer(
            self.settings,
            self.model,
            [*self.opening, *self.turns, *sent],
            adapter=self.adapter,
            strength=self.strength,
            sampling=self.sampling,
        )
        for piece in stream:
            pieces.append(piece)
            if aloud:
                click.echo(piece, nl=False)
        if aloud:
            click.echo()
        answer = "".join(pieces)
        self.turns += [asked, Message("assistant", answer)]
        return answer


@click.command("chat")
@click.option("--model", default="local/smollm2-135m", show_default=True, help="Who answers.")
@click.option(
    "--adapter", metavar="FOLDER|NAME", help="A trained adapter: a folder, or a name as pirate, dpo/pirate."
)
@click.option(
    "--strength", type=float, default=1.0, show_default=True, help="0 plain, 1 as trained, 1.5 most."
)
@click.option("--constitution", help="A character; with it the model is told to play the character.")
@click.option(
    "--system/--no-system",
    default=None,
    help="Send the character's system prompt [only without --adapter].",
)
@click.option(
    "--attack", type=click.Choice(tuple(ATTACKS)), default=PLAIN, help="Wrap what you say in an attack."
)
@click.option("--message", metavar="TEXT", help="Say one thing, print the answer, leave.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=CHAT.temperature, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1), default=CHAT.top_p, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=1), default=CHAT.max_tokens, show_default=True)
@click.option("--seed", type=int, help="The same seed gives the same answer.")
@provider_option
@data_option
@json_option
def chat(message: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Talk with a model, plain or tuned; answers appear as they are made."""
    if as_json and message is None:
        raise click.UsageError("--json prints one answer: add --message TEXT.")
    talk = _chat_of(flags, load_settings(data=data))
    if message is None:
        _loop(talk)
        return
    started = time.monotonic()
    answer = talk.answer(message, aloud=not as_json)
    finish(_result(talk, message, answer, time.monotonic() - started), as_json=as_json)


def _chat_of(flags: dict[str, Any], settings: Settings) -> Chat:
    model = parse_model(flags["model"], provider=flags["provider"], default=PROVIDER)
    sampling = replace(
        CHAT,
        temperature=flags["temperature"],
        top_p=flags["top_p"],
        max_tokens=flags["max_tokens"],
        seed=flags["seed"],
    )
    wish, strength = flags["adapter"], checked_strength(flags["strength"])
    adapter = find_adapter(settings, model.model, wish) if wish and model.provider == "local" else wish
    attack = ATTACKS[flags["attack"]]
    if attack.needs_prefill and not can_begin(model):
        raise SettingsError(f"{model.full} does not go on with words put into its mouth; choose another.")
    return Chat(settings, model, adapter, strength, sampling, _opening(flags, model, settings), attack)


def _opening(flags: dict[str, Any], model: ModelName, settings: Settings) -> tuple[Message, ...]:
    """The character's system prompt where it is wanted: a tuned model should need none."""
    if flags["system"] and not flags["constitution"]:
        raise click.UsageError("--system needs a character: add --constitution NAME.")
    wanted = flags["system"] if flags["system"] is not None else not flags["adapter"]
    if not flags["constitution"] or not wanted:
        return ()
    character = Library(settings).load(flags["constitution"]).constitution
    name = character.assistant_name or assistant_name(model.model)
    return (Message("system", system_prompt(character, name)),)


def _result(talk: Chat, message: str, answer: str, seconds: float) -> Result:
    worn = talk.adapter.sha256 if isinstance(talk.adapter, LocalAdapter) else talk.adapter
    more = {
        "model": talk.model.full,
        "adapter": worn,
        "strength": talk.strength if worn else None,
        "system": bool(talk.opening),
        "message": message,
        "answer": answer,
    }
    return Result("chat", planned=1, done=1, requests=1, seconds=seconds, more=more)


# ---- the loop


def _loop(talk: Chat) -> None:
    """Until Ctrl-D, Ctrl-C at the prompt, or /quit; Ctrl-C while an answer comes only stops that answer."""
    whisper(_who(talk))
    if isinstance(talk.adapter, LocalAdapter) and talk.adapter.on_top_of:
        whisper(HALF)
    whisper(HELP)
    while (line := _heard()) is not None:
        if line.startswith("/"):
            if not _told(talk, line):
                return
        elif line:
            _answered(talk, line)


def _heard() -> str | None:
    """The next line, or None at the end."""
    try:
        if sys.stdin.isatty():
            return input("> ").strip()
        line = sys.stdin.readline()
        return line.strip() if line else None
    except (EOFError, KeyboardInterrupt):
        whisper("")
        return None


def _told(talk: Chat, line: str) -> bool:
    """Do what a line with a slash says; whether the talk goes on."""
    word, _, rest = line[1:].partition(" ")
    if word in ("quit", "exit"):
        return False
    if word == "reset":
        talk.reset()
        whisper("Begun anew.")
    elif word == "strength":
        _turn(talk, rest)
    else:
        whisper(HELP)
    return True


def _turn(talk: Chat, text: str) -> None:
    if talk.adapter is None:
        whisper("There is no adapter to turn up or down: start with --adapter FOLDER or NAME.")
        return
    try:
        talk.strength = checked_strength(float(text))
        whisper(_who(talk))
    except ValueError:
        whisper("Write a number from 0 to 1.5, as /strength 0.5")
    except CoreError as error:
        whisper(str(error))


def _answered(talk: Chat, line: str) -> None:
    try:
        talk.answer(line)
    except KeyboardInterrupt:
        whisper("\n(stopped)")
    except CoreError as error:
        whisper(f"Error: {error}")


def _who(talk: Chat) -> str:
    """Who answers, in one line."""
    if isinstance(talk.adapter, LocalAdapter):
        worn = f", with the adapter {talk.adapter.sha256[:12]} at strength {talk.strength:g}"
    else:
        worn = f", asked for {talk.adapter!r}" if talk.adapter else ", the plain model"
    told = ", told to play its character" if talk.opening else ""
    return f"{talk.model.full}{worn}{told}."


COMMANDS = (chat,)
