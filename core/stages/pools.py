"""Public prompt sets from the Hugging Face hub: LIMA, WildChat and Pure-Dove, first user turns only.

`load_pool("wildchat", settings, limit=500)` fetches what is not yet in `DATA_PATH/pools/wildchat.jsonl`
and returns the first 500. A fetch that breaks off keeps its finished pages; the next one goes on there.

A cached row: {"row": 12, "text": "Why is the sky blue?"}; the last one of a complete set: {"end": 1330}

`HF_ENDPOINT` and `HF_DATASETS_SERVER` override the two addresses; `HF_TOKEN` goes to these hosts alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from filelock import FileLock

from core.engines.hub import HubTrouble, fetch, fetch_json
from core.errors import CoreError, RunError, SettingsError
from core.settings import Secret, Settings, redact
from core.store.jsonl import Row, append_rows, read_rows, repair

HUB = "https://huggingface.co"
ROWS_SERVER = "https://datasets-server.huggingface.co"
ROWS_A_PAGE = 100
# OCT leaves out first turns of 2,048 tokens and more; this is about as much text.
LONGEST_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Pool:
    """A public set: its dataset, the field that holds a conversation, and its JSONL files.

    Without files its rows come page by page from the dataset server.
    """

    name: str
    dataset: str
    field: str
    files: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """The address where a person reads about the set and accepts its terms."""
        return f"{HUB}/datasets/{self.dataset}"


# LIMA's files carry a loading script, for which the dataset server gives no rows.
POOLS: dict[str, Pool] = {
    pool.name: pool
    for pool in (
        Pool("lima", "GAIR/lima", "conversations", ("train.jsonl", "test.jsonl")),
        Pool("wildchat", "allenai/WildChat-1M", "conversation"),
        Pool("pure-dove", "LDJnr/Pure-Dove", "conversation"),
    )
}


def load_pool(name: str, settings: Settings, *, limit: int) -> list[str]:
    """The first `limit` different first turns of a public set, fewer when it has no more.

    Raises SettingsError for an unknown set or terms not accepted, RunError when it cannot be fetched.
    """
    if name not in POOLS:
        raise SettingsError(f"Unknown prompt set {name!r}; choose from {', '.join(POOLS)}.")
    pool, path = POOLS[name], pool_path(name, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{name}.lock")):
        repair(path)
        cache = _read(path)
        if len(cache.texts) < limit and not cache.complete:
            _extend(cache, pool, settings, path, limit)
    return list(cache.texts)[:limit]


def pool_path(name: str, settings: Settings) -> Path:
    """Where a set is cached."""
    return settings.data_path / "pools" / f"{name}.jsonl"


@dataclass(slots=True)
class _Cache:
    """What was fetched so far: texts in order, the first row not yet seen, whether that is all."""

    texts: dict[str, None]
    next_row: int = 0
    complete: bool = False


def _read(path: Path) -> _Cache:
    rows = read_rows(path).rows
    texts = {row["text"]: None for row in rows if row.get("text")}
    return _Cache(
        texts, max((row.get("row", -1) + 1 for row in rows), default=0), any("end" in row for row in rows)
    )


def _extend(cache: _Cache, pool: Pool, settings: Settings, path: Path, limit: int) -> None:
    """Fetch page by page until there are `limit` texts or no more rows."""
    try:
        for page in _pages(pool, settings, cache.next_row):
            append_rows(path, page)
            cache.texts |= {row["text"]: None for row in page if row.get("text")}
            if len(cache.texts) >= limit:
                return
    except HubTrouble as trouble:
        raise _explained(trouble, pool, settings, len(cache.texts)) from None


def _pages(pool: Pool, settings: Settings, start: int) -> Iterator[list[Row]]:
    """The rows from `start` on, as they are cached; the last page ends with the end mark."""
    return _from_files(pool, settings, start) if pool.files else _from_server(pool, settings, start)


def _from_files(pool: Pool, settings: Settings, start: int) -> Iterator[list[Row]]:
    """One page a file. Files are small: after a break, rows already seen are fetched again and skipped."""
    number = 0
    for file in pool.files:
        url = f"{_address(settings, 'HF_ENDPOINT', HUB)}/datasets/{pool.dataset}/resolve/main/{file}"
        lines = fetch(url, token=settings.token("HF_TOKEN")).decode("utf-8", errors="replace").split("\n")
        values = [_value(line) for line in lines if line.strip()]
        numbered = list(enumerate(values, number))
        number += len(values)
        end = [{"end": number}] if file == pool.files[-1] else []
        yield [*_rows(pool, [pair for pair in numbered if pair[0] >= start]), *end]


def _from_server(pool: Pool, settings: Settings, start: int) -> Iterator[list[Row]]:
    """One page for each hundred rows of the train split."""
    address, token = rows_server(settings)
    total = start + 1
    while start < total:
        query = {"dataset": pool.dataset, "config": "default", "split": "train"}
        page = urlencode({**query, "offset": start, "length": ROWS_A_PAGE})
        body = fetch_json(f"{address}/rows?{page}", token=token)
        try:
            numbered = [(row["row_idx"], row["row"]) for row in body["rows"]]
            total = body["num_rows_total"]
        except (KeyError, TypeError):
            raise HubTrouble(f"{address} answered in a form that is not understood") from None
        start += len(numbered)
        finished = not numbered or start >= total
        yield [*_rows(pool, numbered), *([{"end": start}] if finished else [])]
        if finished:
            return


def _rows(pool: Pool, numbered: Iterable[tuple[int, Any]]) -> list[Row]:
    """Cached rows of the conversations that begin with a user's text of fair length."""
    turns = ((number, first_turn(value, pool.field)) for number, value in numbered)
    return [{"row": number, "text": text} for number, text in turns if text]


def first_turn(row: Any, field: str) -> str | None:
    """What the user said first; None for an empty, endless or unreadable conversation.

    A turn is a text (LIMA), {"role": "user", "content": …} (WildChat) or {"input": …} (Pure-Dove).
    """
    turns = cast(dict[str, Any], row).get(field) if isinstance(row, dict) else None
    # A cell that the server had to shorten comes as a piece of text instead of a list.
    turn = cast(list[Any], turns)[0] if isinstance(turns, list) and turns else None
    if isinstance(turn, dict):
        fields = cast(dict[str, Any], turn)
        turn = fields.get("input", fields.get("content") if fields.get("role") == "user" else None)
    text = turn.strip() if isinstance(turn, str) else ""
    return text if 0 < len(text) <= LONGEST_CHARACTERS else None


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _address(settings: Settings, name: str, default: str) -> str:
    """An address from the environment or `.env`, else the public one."""
    override = settings.token(name)
    return override.reveal().rstrip("/") if override else default


def rows_server(settings: Settings) -> tuple[str, Secret | None]:
    """The dataset server and the token for it.

    A token that is meant for another hub (HF_ENDPOINT) is not shown to the public server.
    """
    address = _address(settings, "HF_DATASETS_SERVER", ROWS_SERVER)
    foreign = address == ROWS_SERVER and _address(settings, "HF_ENDPOINT", HUB) != HUB
    return address, None if foreign else settings.token("HF_TOKEN")


def _explained(trouble: HubTrouble, pool: Pool, settings: Settings, kept: int) -> CoreError:
    """The error that says what to do now."""
    if trouble.status in (401, 403):
        token = "with the account of HF_TOKEN" if settings.token("HF_TOKEN") else "then set HF_TOKEN"
        return SettingsError(
            f"{pool.dataset} is not open to everyone: accept its terms at {pool.page}, {token}."
        )
    if trouble.status == 429:
        return RunError(f"The hub asks to slow down; {kept} prompts are kept. Try again in a few minutes.")
    reason = redact(trouble.reason, settings.secrets())
    return RunError(
        f"Could not fetch {pool.dataset}: {reason}. {kept} prompts are kept; try again when online. "
        "The general prompts that come with the studio need no connection."
    )
