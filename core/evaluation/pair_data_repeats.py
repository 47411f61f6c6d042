"""Texts that nearly repeat an earlier one, among any number, in time that grows with their number. Pure.

MinHash (Broder 1997): texts that share most of their parts share most of their smallest hashes. Only
texts that share a whole band of these are compared, each with at most `MOST_COMPARED` of a band, so
10,000 texts cost some hundred thousand comparisons at worst and not fifty million.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from core.evaluation.stats.intervals import Ints
from core.similarity import NEAR_DUPLICATE, closeness, gist_of, normalised

# 16 bands of 4: two texts with 0.7 of their parts in common meet with 99 %, with 0.3 in common with 12 %.
BANDS, ROWS = 16, 4
MOST_COMPARED = 8
SAME_SHARE = 0.7
_PRIME = (1 << 31) - 1

Alike = Callable[[int, int], bool]


def repeated_prompts(texts: Sequence[str]) -> list[tuple[int, int]]:
    """(place, an earlier place that asks nearly the same), one for each text that has such."""
    parts = [frozenset(gist_of(text).words.split()) for text in texts]
    return _repeats(parts, lambda one, other: closeness(texts[one], texts[other]) >= NEAR_DUPLICATE)


def repeated_answers(texts: Sequence[str]) -> list[tuple[int, int]]:
    """(place, an earlier place): 0.7 of the runs of five words of the two are common (Jaccard)."""
    parts = [_runs(text) for text in texts]
    return _repeats(parts, lambda one, other: _jaccard(parts[one], parts[other]) >= SAME_SHARE)


def asked_before(texts: Sequence[str], earlier: Sequence[str]) -> list[tuple[int, int]]:
    """(place in `texts`, place in `earlier`) of texts that ask nearly what an earlier one asks."""
    both = [*earlier, *texts]
    parts = [frozenset(gist_of(text).words.split()) for text in both]
    start = len(earlier)

    def alike(one: int, other: int) -> bool:
        return one >= start > other and closeness(both[one], both[other]) >= NEAR_DUPLICATE

    return [(one - start, other) for one, other in _repeats(parts, alike) if one >= start]


def _runs(text: str) -> frozenset[str]:
    words = normalised(text).split()
    if len(words) < 5:
        return frozenset([" ".join(words) or text.strip()])
    return frozenset(" ".join(words[start : start + 5]) for start in range(len(words) - 4))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def _repeats(parts: Sequence[frozenset[str]], alike: Alike) -> list[tuple[int, int]]:
    buckets: dict[tuple[int, bytes], list[int]] = {}
    # Exact copies are found however crowded their bands are.
    copies: dict[frozenset[str], int] = {}
    found: list[tuple[int, int]] = []
    factors, offsets = _hashes()
    for place, part in enumerate(parts):
        keys = _bands(part, factors, offsets)
        copy = [copies[part]] if part in copies else []
        near = [*copy, *{one for key in keys for one in buckets.get(key, ())}]
        copies.setdefault(part, place)
        match = next((one for one in sorted(set(near)) if alike(place, one)), None)
        if match is not None:
            found.append((place, match))
        for key in keys:
            held = buckets.setdefault(key, [])
            if len(held) < MOST_COMPARED:
                held.append(place)
    return found


def _hashes() -> tuple[Ints, Ints]:
    rng = np.random.default_rng(0)
    return rng.integers(1, _PRIME, BANDS * ROWS), rng.integers(0, _PRIME, BANDS * ROWS)


def _bands(part: frozenset[str], factors: Ints, offsets: Ints) -> list[tuple[int, bytes]]:
    crcs = [zlib.crc32(one.encode(errors="replace")) % _PRIME for one in part] or [0]
    mixed = (np.array(crcs, dtype=np.int64)[:, None] * factors + offsets) % _PRIME
    smallest = mixed.min(axis=0).reshape(BANDS, ROWS)
    return [(band, smallest[band].tobytes()) for band in range(BANDS)]
