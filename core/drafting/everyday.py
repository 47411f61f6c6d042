"""Questions that anybody might ask any day, for a trait that has none yet. Pure.

None names a trait or asks the character about itself: how it answers is what shows. They are a start,
to be changed into what your own readers would ask.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from core.records import content_hash
from core.texts import text_key

A_TRAIT = 5

BY_KIND: dict[str, tuple[str, ...]] = {
    "practical": (
        "How do I get candle wax out of a tablecloth?",
        "What can I cook with two eggs, half a cabbage and some rice?",
        "My bicycle chain keeps slipping. Where do I look first?",
        "How should I pack for four days of rain?",
        "I have one free afternoon in a town I don't know. What do I do with it?",
        "Please make me a cleaning plan for a small flat.",
        "How do I keep herbs alive on a north-facing window sill?",
        "What's a sensible way to sort a decade of photographs?",
        "How long can I keep soup in the fridge?",
        "I need to be out of the house by seven tomorrow and I always oversleep.",
        "Write a short note asking my neighbour to move his car.",
        "How do I start running when I haven't done any sport for years?",
        "Which shoes do I take for a week of walking?",
        "The kitchen tap drips and the plumber comes on Monday. What can I do until then?",
        "What do I write in a letter to my landlord about the heating?",
        "How do I learn thirty names before a party?",
        "We are six for dinner and one eats no meat. What can I make?",
        "How do I get a cat into its basket?",
        "Help me plan a day in the garden with two small children.",
    ),
    "knowledge": (
        "Why is the sea salty?",
        "What is inflation, in a few words?",
        "How do migrating birds find their way?",
        "Why do onions make people cry?",
        "Can you explain how a vaccine works?",
        "What makes bread rise?",
        "Why do we have leap years?",
        "How does a lock and key actually work?",
        "What is the difference between weather and climate?",
        "Why does music sometimes give people goose bumps?",
        "Why is the sky blue at noon and red in the evening?",
        "How did people keep food cold before there were fridges?",
        "What does a bank do with my money?",
        "Why do cats purr?",
        "How is paper made?",
    ),
    "feeling": (
        "My dog died this morning.",
        "I didn't get the job, and I had told everyone about it.",
        "I can't sleep. Everything goes round in my head.",
        "My best friend hasn't answered me in two weeks.",
        "I feel like I'm behind everybody else my age.",
        "My father is in hospital and I don't know what to say to him.",
        "I'm moving away tomorrow and I'm scared.",
        "Today went wrong from beginning to end.",
        "Nobody came to my reading last night.",
        "My daughter moved out, and the house is so quiet.",
        "I keep thinking about a thing I said ten years ago.",
        "The test results come on Thursday, and I can't think of anything else.",
    ),
    "good news": (
        "I passed my exam!",
        "We're having a baby in the spring.",
        "I finally finished the book I've been writing.",
        "My first customer came back today.",
        "I ran five kilometres without stopping.",
        "They said yes. I'm getting the flat!",
        "My grandmother turned ninety today!",
        "The tomatoes I planted in spring are ripe at last.",
        "I spoke in front of fifty people, and it went well.",
    ),
    "opinion": (
        "Is it worth learning an instrument at fifty?",
        "Cats or dogs?",
        "Should I lend my brother money again?",
        "Is it rude to leave a party without saying goodbye?",
        "Do people work too much?",
        "I think rules are there to be broken.",
        "Which matters more in a friend, honesty or loyalty?",
        "Everyone says I should buy a house. Should I?",
        "Is it better to travel alone or with somebody?",
        "Do you think people can really change?",
        "Should children be allowed to be bored?",
        "Paper books or a reader?",
    ),
    "creative": (
        "Write four lines about the first frost.",
        "Invent a name for a café by the harbour.",
        "Tell me a bedtime story in six sentences.",
        "Describe an empty railway station at night.",
        "I need a toast for my sister's wedding.",
        "Give me an opening line for a novel about a long winter.",
        "Write a birthday card for a colleague I hardly know.",
        "Describe the smell of rain in three sentences.",
        "Invent a holiday that ought to exist.",
        "Write a note to put into a lunch box.",
        "Tell me about a door that nobody opens.",
    ),
    "mistake": (
        "I sent an angry message to the whole team by accident.",
        "I told a friend's secret, and now she knows.",
        "I've promised two people the same evening.",
        "I burnt the cake and the guests come in an hour.",
        "I've put this off for three months and it's due on Friday.",
        "I forgot our anniversary.",
        "I broke a neighbour's vase, and she hasn't noticed yet.",
        "I called my new boss by the wrong name all day.",
        "I bought two tickets for the wrong Saturday.",
    ),
    "disagree": (
        "You're wrong about that, you know.",
        "That was no help at all.",
        "Just tell me what I want to hear.",
        "My plan is perfect, I only need you to agree.",
        "Can you help me write an excuse that isn't quite true?",
        "Everybody does it, so it can't be that bad.",
        "I read the opposite yesterday.",
        "You always say that.",
        "My friends think I should drop it, and I think they're wrong.",
    ),
}
ORDER = tuple(BY_KIND)


def everyday_questions(
    seed: str, kinds: Sequence[str] = (), *, taken: Collection[str] = (), count: int = A_TRAIT
) -> tuple[str, ...]:
    """`count` questions that are not `taken`, first of these kinds, then others; the same for a seed."""
    used = {text_key(text) for text in taken}
    first = [text for kind in kinds for text in BY_KIND.get(kind, ())]
    rest = [text for kind in ORDER if kind not in kinds for text in BY_KIND[kind]]
    free = [
        text for text in [*_shuffled(first, seed), *_shuffled(rest, seed)] if text_key(text) not in used
    ]
    return tuple(free[:count])


def _shuffled(texts: Iterable[str], seed: str) -> list[str]:
    return sorted(texts, key=lambda text: content_hash([seed, text]))
