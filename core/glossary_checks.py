"""The words of the Check pages and their charts, as `core.glossary_terms` has the others. Pure data."""

from __future__ import annotations

from core.glossary_terms import Row

CHECKING: tuple[Row, ...] = (
    (
        "data",
        "Data check",
        "What the pairs teach besides the character: longer answers, lists, refusals, copies.",
        "Rule-based and classifier checks on kept pairs, each with examples and a threshold.",
    ),
    (
        "traits",
        "Trait scores",
        "How strong each trait is before and after, on questions it never saw in training.",
        "Classifier or judge scores by trait on held-out prompts, corrected for several comparisons.",
    ),
    (
        "preferences",
        "Preferences",
        "What the model leans to when it may choose between two words for how it would be.",
        "Revealed preferences from forced choices, ranked by Bradley-Terry with a position term.",
    ),
    (
        "robustness",
        "Robustness",
        "Whether the character holds when somebody tells it to stop, or asks in another form.",
        "In-character rates under role-breaking instructions and output formats.",
    ),
    (
        "prefill",
        "Long talks",
        "Whether the character takes over a talk that began in plain words, and lasts.",
        "In-character rates after a prefilled plain turn, by turn.",
        "Prefill",
        r"\b[Pp]refill(?:ed|s)?\b",
    ),
    (
        "coherence",
        "Coherence",
        "Whether the new answers are still good ones, beside the old.",
        "Pairwise win rates from a judge in both orders, flips as ties, cluster-bootstrap intervals.",
    ),
    (
        "capability",
        "Capability",
        "Whether the model still knows what it knew.",
        "Accuracy on a short multiple-choice set, or full benchmarks through lm-eval.",
    ),
    (
        "in-character",
        "In character",
        "An answer that sounds like the character.",
        "An answer a classifier, trained on other prompts of teacher and student, gives to the teacher.",
    ),
    (
        "interval",
        "Interval",
        "The range in which the true number most likely lies; wide means too few questions.",
        "A 95 % confidence interval: Wilson for shares, cluster bootstrap over prompts for differences.",
    ),
    (
        "judge",
        "Judge",
        "A model that says which of two answers is better; the studio first tests whether it can.",
        "A model asked in both orders; its gate is set by pairs of known answer and by people's votes.",
    ),
    (
        "classifier",
        "Classifier",
        "A small program that learned to tell the character's answers from plain ones.",
        "Logistic regression on word and letter n-grams with disjoint prompts, or ModernBERT.",
    ),
    (
        "control",
        "Control",
        "The plain model beside the trained one: without it nobody could tell learning from chance.",
        "The base model, the base with the constitution as system prompt, or with a neutral one.",
    ),
    (
        "moved",
        "Moved beyond chance",
        "A difference too large to be luck.",
        "The interval of the paired difference excludes 0 after Benjamini-Hochberg correction.",
    ),
    (
        "elo",
        "Elo points",
        "A score from many two-way choices, as in chess; 20 points are a small lead.",
        "K 32 from 1000, beside Bradley-Terry strengths on the same scale.",
    ),
    (
        "kappa",
        "Agreement",
        "How far two raters agree more than by luck; 1 is always, 0 is luck.",
        "Cohen's kappa with an interval.",
        "Kappa",
        r"\b[Kk]appa\b",
    ),
    (
        "refusal",
        "Refusal",
        "An answer that declines instead of helping.",
        "Found by wording on harmless and harmful prompts, so some are missed.",
    ),
    (
        "stale",
        "Stale",
        "Made before the character was changed.",
        "The result's constitution hash differs from the present one.",
    ),
)
