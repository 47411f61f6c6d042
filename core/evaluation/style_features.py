"""Which words and letters a text uses, as numbers for a classifier: TF-IDF with subjects damped. Pure.

    counted = Counted.of(texts)                  # cut up once …
    features = Features.of(counted, prompts)     # … however many sets of features are learned from it
    features.matrix(answers)                     # sparse, one row a text

Only what occurs in answers to several prompts counts: what one prompt is about says nothing of style, and
would let a classifier know a text by its subject.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import SettingsError
from core.evaluation.stats.intervals import coded

# Characters of a text that are read: what follows is more of the same, and costs time.
MOST_CHARACTERS = 1500
# Pieces of each family that are kept, those of the most prompts first.
MOST_PIECES = 8000
NO_CLASSIFIER = (
    "Telling answers apart needs the eval extra: pip install 'character-studio[eval]'. Then run this again."
)
# Words and word pairs; then runs of three to five letters, which see spelling ("an'", "o'er").
WORDS: dict[str, Any] = {
    "analyzer": "word",
    "ngram_range": (1, 2),
    "token_pattern": r"(?u)[\w']+|[!?:;*#{}\[\]\"]",
}
LETTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 5)}


@dataclass(frozen=True, slots=True)
class Counted:
    """Texts cut into pieces: for each family a counter that knows them, and texts × pieces, sparse."""

    counters: tuple[Any, ...]
    counts: tuple[Any, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Counted:
        """Cut up texts; pieces that only one of them holds are dropped at once.

        Raises SettingsError where scikit-learn is not installed.
        """
        try:
            from sklearn.feature_extraction.text import CountVectorizer
        except ImportError as error:
            raise SettingsError(NO_CLASSIFIER) from error
        made = [
            (CountVectorizer(min_df=2, **kind), [read_of(text) for text in texts])
            for kind in (WORDS, LETTERS)
        ]
        found = [
            (counter, counts) for counter, read in made if (counts := _counts(counter, read)) is not None
        ]
        return cls(tuple(counter for counter, _ in found), tuple(counts for _, counts in found))

    def only(self, rows: Sequence[int]) -> Counted:
        """The same for some of the texts."""
        return Counted(self.counters, tuple(counts[rows] for counts in self.counts))


def _counts(counter: Any, texts: Sequence[str]) -> Any:
    try:
        return counter.fit_transform(texts)
    except ValueError:
        # No two texts share a piece.
        return None


@dataclass(frozen=True, slots=True)
class Block:
    """One family of features: which of its pieces count, with their weights."""

    columns: Any
    weights: Any

    def weighted(self, counts: Any) -> Any:
        """Texts × pieces that count, sparse; a row has length 1, or 0 where it has none of them."""
        from sklearn.preprocessing import normalize

        kept = counts[:, self.columns].astype(np.float64)
        kept.data = 1 + np.log(kept.data)
        return normalize(kept.multiply(self.weights).tocsr())


@dataclass(frozen=True, slots=True)
class Features:
    """What was learned of a set of texts: its words and letters, those that several prompts share."""

    counters: tuple[Any, ...]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, counted: Counted, prompts: Sequence[Hashable]) -> Features:
        """The features of texts; a piece counts when texts of enough different `prompts` hold it."""
        return cls(counted.counters, tuple(_block(counts, prompts) for counts in counted.counts))

    def weighted(self, counted: Counted) -> Any:
        """Texts × features, sparse float64; no columns where nothing is shared by several prompts."""
        from scipy.sparse import hstack

        parts = [
            block.weighted(counts)
            for block, counts in zip(self.blocks, counted.counts, strict=True)
            if len(block.columns)
        ]
        return hstack(parts, format="csr") if parts else None

    def matrix(self, texts: Sequence[str]) -> Any:
        """The same of new texts; None without features."""
        read = [read_of(text) for text in texts]
        counts = tuple(counter.transform(read) for counter in self.counters)
        return self.weighted(Counted(self.counters, counts))


def read_of(text: str) -> str:
    """As much of a text as is read, with one kind of apostrophe."""
    return text[:MOST_CHARACTERS].replace("’", "'")


def least_prompts(prompts: int) -> int:
    """Of how many prompts' answers a piece must be part to count: two, three from thirty prompts on."""
    return 2 if prompts < 30 else 3


def _block(counts: Any, prompts: Sequence[Hashable]) -> Block:
    spread = _prompts_with(counts, prompts)
    enough = np.flatnonzero(spread >= least_prompts(len(set(prompts))))
    columns = np.sort(enough[np.argsort(-spread[enough], kind="stable")][:MOST_PIECES])
    texts_with = np.bincount(counts.indices, minlength=counts.shape[1])[columns]
    # Inverse document frequency, smoothed as if one more text held every piece (Salton & Buckley 1988).
    return Block(columns, np.log((1 + counts.shape[0]) / (1 + texts_with)) + 1)


def _prompts_with(counts: Any, prompts: Sequence[Hashable]) -> Any:
    """Of how many prompts' texts each piece is part."""
    from scipy.sparse import csr_matrix

    codes, number = coded(prompts)
    rows = np.arange(len(codes))
    of_prompt = csr_matrix((np.ones(len(codes)), (codes, rows)), shape=(number, len(codes)))
    return np.bincount((of_prompt @ counts).indices, minlength=counts.shape[1])
