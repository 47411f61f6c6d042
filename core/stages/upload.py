"""`character upload`: an adapter, its pairs or both to the Hugging Face hub, each with an honest card.

First everything that would leave is listed with its size; then the repository is made, private unless told
otherwise, and one commit puts all files in. Killed in the middle, the same command goes on: what the hub
has already is not sent again, and a second time it says so. `HF_ENDPOINT` names another hub.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from core.embedded.catalogue import MODELS
from core.errors import ConstitutionError, CoreError, RunError, SettingsError
from core.model_card import Facts, Measured, adapter_card, dataset_card
from core.names import ALIASES
from core.settings import Secret, Settings, origin_of, redact
from core.slugs import check_name
from core.stages.bundle import newest_run
from core.stages.evals.keeping import results_of
from core.store.jsonl import Row, read_json
from core.store.library import Library
from core.store.runs import Run

What = Literal["adapter", "dataset", "both"]
HUB = "https://huggingface.co"
STAGES = ("merged", "dpo", "sft", "trial")
WEIGHTS, CONFIG, GGUF = "adapter_model.safetensors", "adapter_config.json", "adapter.gguf"
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
NEEDS_HUB = "Uploading needs the hub extra: pip install 'character-studio[hub]'"


@dataclass(frozen=True, slots=True)
class Item:
    """One file that would leave: its name in the repository, and its bytes or where they lie."""

    name: str
    content: bytes | Path

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True, slots=True)
class Target:
    """One repository: "model" or "dataset", its name, and everything that goes into it."""

    kind: Literal["model", "dataset"]
    repo: str
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """All bytes together."""
        return sum(item.size for item in self.items)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What came of one target: its address, and whether anything had to be sent."""

    target: Target
    url: str
    changed: bool


def plan_upload(
    settings: Settings, name: str, repo: str, what: What = "adapter", run: Run | None = None
) -> list[Target]:
    """What would leave, file by file; nothing is sent. Raises a CoreError for what is missing or wrong."""
    if not _REPO.fullmatch(repo):
        raise SettingsError(f"{repo!r} is no repository; write it as user/name, without spaces.")
    if problems := check_name(name):
        raise ConstitutionError(name[:80], problems)
    chosen = run or newest_run(settings, name)
    folder = _adapter(settings, name)
    dpo = _dpo(settings, name)
    facts = _facts(settings, name, repo, chosen, folder, dpo)
    targets: list[Target] = []
    if what in ("adapter", "both"):
        targets.append(_adapter_target(name, repo, folder, facts))
    if what in ("dataset", "both"):
        targets.append(_dataset_target(name, repo, dpo, facts))
    _refuse_keys(settings, targets)
    return targets


def _adapter(settings: Settings, name: str) -> Path | None:
    """The folder of the adapter that a character's name means: merged, then DPO, SFT, the trial's."""
    for stage in STAGES:
        places = [
            *settings.lora_path.glob(f"*-{stage}/{name}/adapter"),
            *settings.lora_path.glob(f"*-{stage}/{name}"),
        ]
        for folder in sorted(places, key=str):
            if (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
                return folder
    return None


def _dpo(settings: Settings, name: str) -> Path | None:
    """The DPO file that was written last."""
    found = [path for path in (settings.data_path / "dpo").glob(f"*/{name}.jsonl") if path.stat().st_size]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _adapter_target(name: str, repo: str, folder: Path | None, facts: Facts) -> Target:
    if folder is None:
        raise RunError(
            f"There is no trained adapter of {name} here. Train one: character train dpo --backend local "
            f"--constitution {name}"
        )
    about = cast("Row", read_json(folder / CONFIG))
    config = about | ({"base_model_name_or_path": facts.base} if facts.base else {})
    items = [
        Item("README.md", adapter_card(facts).encode()),
        Item(CONFIG, _pretty(config)),
        Item("constitution.json", _pretty(facts.character.as_dict())),
        Item(WEIGHTS, folder / WEIGHTS),
    ]
    if facts.has_gguf:
        items.append(Item(GGUF, folder / GGUF))
    return Target("model", repo, tuple(items))


def _dataset_target(name: str, repo: str, dpo: Path | None, facts: Facts) -> Target:
    if dpo is None:
        raise RunError(
            f"There are no pairs of {name} yet; write them: character dpo-data --constitution {name}"
        )
    facts = replace(facts, pairs=_lines(dpo))
    items = [
        Item("README.md", dataset_card(facts).encode()),
        Item("constitution.json", _pretty(facts.character.as_dict())),
        Item("train.jsonl", dpo),
    ]
    validation = dpo.with_suffix(".validation.jsonl")
    if facts.validation:
        items.append(Item("validation.jsonl", validation))
    return Target("dataset", repo, tuple(items))


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _refuse_keys(settings: Settings, targets: list[Target]) -> None:
    secrets = [one.encode() for one in settings.secrets() if len(one) >= 8]
    for target in targets:
        for item in target.items:
            data = item.content if isinstance(item.content, bytes) else None
            if data is None and item.name.endswith(".jsonl"):
                data = cast(Path, item.content).read_bytes()
            if data is not None and any(secret in data for secret in secrets):
                raise CoreError(
                    f"One of your keys stands in {item.name}, so nothing was uploaded. Take it out."
                )


# ---- what the card says


def _facts(
    settings: Settings, name: str, repo: str, run: Run | None, folder: Path | None, dpo: Path | None
) -> Facts:
    character = run.constitution() if run else Library(settings).load(name).constitution
    about = _object(folder / "provenance.json") if folder else {}
    result = _object(folder.parent / "result.json") if folder else {}
    recipe = cast("Row", about.get("recipe") or {})
    learned = cast("Row", about.get("data") or {}).get("rows") or about.get("rows") or result.get("rows")
    pairs = int(learned) if isinstance(learned, int) else _lines(dpo) if dpo else 0
    return Facts(
        title=character.title,
        repo=repo,
        character=character,
        base=base_of(about, folder),
        recipe=recipe,
        kind=str(about.get("kind") or about.get("stage") or "dpo"),
        pairs=pairs,
        validation=_lines(dpo.with_suffix(".validation.jsonl")) if dpo else 0,
        teachers=_models(run, "teacher"),
        students=_models(run, "student"),
        proof=str(_object(folder / "proof.json").get("sentence") or "") if folder else "",
        gate=str(cast("Row", result.get("gate") or {}).get("sentence") or ""),
        measured=_measured(run),
        has_gguf=folder is not None and (folder / GGUF).is_file(),
        studio=str(cast("Row", about.get("versions") or {}).get("character-studio") or ""),
    )


def base_of(about: Row, folder: Path | None) -> str:
    """The base model's name on the hub, "" where it is not known."""
    base = about.get("base")
    told = cast("Row", base).get("name") if isinstance(base, dict) else base or about.get("student")
    if not told and folder is not None:
        told = _object(folder / CONFIG).get("base_model_name_or_path")
    short = str(told or "")
    if short in MODELS:
        return "HuggingFaceTB/SmolLM2-135M-Instruct"
    return ALIASES[short].hugging_face if short in ALIASES else short if "/" in short else ""


def _models(run: Run | None, role: str) -> tuple[str, ...]:
    if run is None:
        return ()
    folder = run if (run.folder / role).is_dir() else Run(run.folder / "trial")
    return tuple(sorted({answers.model for answers in folder.answer_sets(role) if answers.model}))


def _measured(run: Run | None) -> tuple[Measured, ...]:
    """The newest result of each kind."""
    newest: dict[str, Measured] = {}
    for result in results_of(run) if run else ():
        judge = str((result.judge or {}).get("model") or "")
        one = Measured(result.kind, result.headline, result.prompts, judge, tuple(result.caveats))
        newest.setdefault(result.kind, one)
    return tuple(newest.values())


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def _object(path: Path) -> Row:
    try:
        value = read_json(path)
    except RunError:
        return {}
    return cast("Row", value) if isinstance(value, dict) else {}


# ---- sending


def hub_of(settings: Settings) -> str:
    """The address of the hub. Raises SettingsError for one to which a token must not be sent."""
    chosen = settings.token("HF_ENDPOINT")
    address = chosen.reveal().rstrip("/") if chosen else HUB
    origin = origin_of(address)
    is_here = urlsplit(origin).hostname in ("127.0.0.1", "localhost", "::1")
    if not origin.startswith("https:") and not is_here:
        raise SettingsError(f"{origin} is not encrypted; HF_ENDPOINT must begin with https://")
    return address


def token_of(settings: Settings) -> Secret:
    """The token that uploads need. Raises SettingsError without one."""
    token = settings.token("HF_TOKEN")
    if token is None and settings.hub_moved_by_dotenv:
        raise SettingsError(
            "The .env of this folder sends uploads to a hub of its own; a token of the environment does "
            "not go there. Put that hub's HF_TOKEN into .env too, or take HF_ENDPOINT out of it."
        )
    if token is None:
        raise SettingsError(
            "An upload needs a token: make one with write access at huggingface.co/settings/tokens, set "
            "HF_TOKEN in the environment or in .env, then try again."
        )
    return token


def upload(
    settings: Settings,
    targets: list[Target],
    *,
    private: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> list[Uploaded]:
    """Put every target in its repository, made when missing; an existing one keeps its own visibility.

    What is to be private never goes into one that everybody can see.

    Raises SettingsError for the token, RunError for what the hub refuses or cannot be reached for.
    """
    token, hub = token_of(settings), hub_of(settings)
    try:
        from huggingface_hub import HfApi, constants
    except ImportError:
        raise SettingsError(NEEDS_HUB) from None
    # Plain uploads: every hub takes them, and what was sent before a kill is not sent again.
    constants.HF_HUB_DISABLE_XET = True
    api = HfApi(endpoint=hub, token=token.reveal(), library_name="character-studio")
    return [_send(api, target, settings, private=private, say=say) for target in targets]


def _send(
    api: Any, target: Target, settings: Settings, *, private: bool, say: Callable[[str], None]
) -> Uploaded:
    from huggingface_hub import CommitOperationAdd
    from huggingface_hub.errors import HfHubHTTPError

    try:
        say(f"{target.repo}: {len(target.items)} files, {target.size / 1e6:.1f} MB")
        place = api.create_repo(target.repo, repo_type=target.kind, private=private, exist_ok=True)
        there = api.repo_info(target.repo, repo_type=target.kind)
        if private and there.private is False:
            raise RunError(
                f"{target.repo} is there already, and everybody can see it. Nothing was uploaded: choose "
                "another name, make it private at the hub, or say --public."
            )
        before = there.sha
        operations = [
            CommitOperationAdd(
                item.name, item.content if isinstance(item.content, bytes) else str(item.content)
            )
            for item in target.items
        ]
        done = api.create_commit(
            target.repo,
            operations,
            commit_message="Upload from Character Studio",
            repo_type=target.kind,
        )
    except HfHubHTTPError as error:
        raise _refusal(error, target, settings) from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = redact(str(error), settings.secrets())[:300]
        raise RunError(
            f"The upload of {target.repo} broke off ({reason}). Run the same command again: what the hub "
            "has already is not sent twice."
        ) from None
    except Exception as error:
        if not type(error).__module__.startswith("httpx"):
            raise
        raise RunError(
            f"{hub_of(settings)} cannot be reached ({type(error).__name__}). Check the network, then run "
            "the same command again; nothing is sent twice."
        ) from None
    return Uploaded(target, str(place), done.oid != before)


def _refusal(error: Any, target: Target, settings: Settings) -> CoreError:
    """What a refusal of the hub means, and what to do."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return SettingsError(
            "Hugging Face does not accept HF_TOKEN: it is mistyped or was revoked. Make a new one with "
            "write access at huggingface.co/settings/tokens."
        )
    if status == 403:
        return SettingsError(
            f"HF_TOKEN may not write to {target.repo}. Use a token with write access, and your own user "
            "name or organisation before the slash."
        )
    if status == 404:
        return RunError(f"{target.repo} was not found, or HF_TOKEN may not see it. Check the name.")
    said = (redact(str(error), settings.secrets()).splitlines() or [type(error).__name__])[0][:300]
    return RunError(
        f"The hub refused {target.repo} ({said}). Run the same command again; nothing is sent twice."
    )
