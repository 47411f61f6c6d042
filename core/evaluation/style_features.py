"""Which words and letters a text uses, as numbers for a classifier: TF-IDF with subjects damped. Pure.

    features = Features.of(texts, prompts)
    features.matrix(answers)          # sparse, one row a text

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

# Characters of a text that are read: what follows is more of the same, and costs memory.
MOST_CHARACTERS = 3000
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
class Block:
    """One family of features: how texts are cut up, and which of the pieces count, with their weights."""

    counter: Any
    columns: Any
    weights: Any

    def matrix(self, texts: Sequence[str]) -> Any:
        """Texts × pieces, sparse; a row has length 1, or 0 where no piece is known."""
        from sklearn.preprocessing import normalize

        counts = self.counter.transform(texts)[:, self.columns].astype(np.float64)
        counts.data = 1 + np.log(counts.data)
        return normalize(counts.multiply(self.weights).tocsr())


@dataclass(frozen=True, slots=True)
class Features:
    """What was learned of a set of texts: its words and letters, those that several prompts share."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, texts: Sequence[str], prompts: Sequence[Hashable]) -> Features:
        """The features of texts; a piece counts when texts of enough different `prompts` hold it.

        Raises SettingsError where scikit-learn is not installed.
        """
        try:
            from sklearn.feature_extraction.text import CountVectorizer
        except ImportError as error:
            raise SettingsError(NO_CLASSIFIER) from error
        found = [_block(CountVectorizer(**kind), texts, prompts) for kind in (WORDS, LETTERS)]
        return cls(tuple(block for block in found if block is not None))

    def matrix(self, texts: Sequence[str]) -> Any:
        """Texts × features, sparse float64; zero columns where nothing is shared by several prompts."""
        from scipy.sparse import csr_matrix, hstack

        read = [read_of(text) for text in texts]
        if not self.blocks or not read:
            return csr_matrix((len(read), sum(len(block.weights) for block in self.blocks)))
        return hstack([block.matrix(read) for block in self.blocks], format="csr")


def read_of(text: str) -> str:
    """As much of a text as is read, with one kind of apostrophe."""
    return text[:MOST_CHARACTERS].replace("’", "'")


def least_prompts(prompts: int) -> int:
    """Of how many prompts' answers a piece must be part to count: two, three from thirty prompts on."""
    return 2 if prompts < 30 else 3


def _block(counter: Any, texts: Sequence[str], prompts: Sequence[Hashable]) -> Block | None:
    try:
        counts = counter.fit_transform([read_of(text) for text in texts])
    except ValueError:
        # No text holds a single piece.
        return None
    spread = _prompts_with(counts, prompts)
    columns = np.flatnonzero(spread >= least_prompts(len(set(prompts))))
    if not len(columns):
        return None
    texts_with = np.bincount(counts.indices, minlength=counts.shape[1])[columns]
    # Inverse document frequency, smoothed as if one more text held every piece (Salton & Buckley 1988).
    return Block(counter, columns, np.log((1 + len(texts)) / (1 + texts_with)) + 1)


def _prompts_with(counts: Any, prompts: Sequence[Hashable]) -> Any:
    """Of how many prompts' texts each piece is part."""
    from scipy.sparse import csr_matrix

    codes, number = coded(prompts)
    rows = np.arange(len(codes))
    of_prompt = csr_matrix((np.ones(len(codes)), (codes, rows)), shape=(number, len(codes)))
    return np.asarray((of_prompt @ counts > 0).sum(axis=0)).ravel()
