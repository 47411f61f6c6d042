"""Who meets whom: pairs so that every item plays equally often and stands first equally often."""

from __future__ import annotations

import numpy as np

from core.errors import RunError
from core.evaluation.stats.intervals import Ints


def balanced_pairs(n_items: int, count: int, seed: int) -> Ints:
    """`count` pairs of items as a count × 2 array; the item in the first column is shown first.

    A round robin on the circle: each round pairs every item once (with an odd number one sits out), and all
    pairs meet before any meets again, with sides changed. So the numbers of games of two items differ by at
    most two, and first and second places of an item by at most three, at any length. The seed shuffles who
    is who. Raises `RunError` for fewer than two items.
    """
    if n_items < 2:
        raise RunError(f"Pairs need at least two items, and there are {n_items}: choose more traits.")
    rng = np.random.default_rng(seed)
    tour = _tour(n_items)
    made: list[Ints] = []
    while sum(len(part) for part in made) < count:
        named = rng.permutation(n_items)[tour]
        made += [named, named[:, ::-1]]
    return np.concatenate([*made, np.empty((0, 2), dtype=np.int64)])[:count]


def _tour(n_items: int) -> Ints:
    """Every pair once, round by round; an odd number plays with an empty chair, whose games fall away."""
    seats = n_items + n_items % 2
    games = [game for turn in range(seats - 1) for game in _round(turn, seats)]
    return np.array([game for game in games if max(game) < n_items], dtype=np.int64)


def _round(turn: int, seats: int) -> list[tuple[int, int]]:
    """One round of the circle method; sides alternate as in de Werra's schedules (1981)."""
    ring = seats - 1
    games = [(turn, ring) if turn % 2 else (ring, turn)]
    for step in range(1, seats // 2):
        one, other = (turn + step) % ring, (turn - step) % ring
        games.append((one, other) if step % 2 else (other, one))
    return games
