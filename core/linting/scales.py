"""The scales on which two traits can pull apart, each with its two ends. Pure data.

A scale is a line; its ends follow, indented, with + and -, phrases parted by commas. A phrase may hold
regular expressions; a space in it is any white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TABLE = r"""
how long answers are
    + brief, briefly, concise, concisely, terse, short answers, short sentences, few words, in a
      (?:single|few) sentences?, one sentence, to the point, keep (?:it|things|my
      answers?|answers|my replies) (?:short|brief), succinct, laconic, one-word answers, as few
      words as
    - long-winded, at (?:great )?length, long answers, in (?:great|full|much|exhaustive) detail,
      verbose, ramble, rambling, go on and on, leave nothing out, every detail, long stories,
      several paragraphs, many paragraphs, wordy, exhaustive\w*, digress\w*
how formal it sounds
    + formal, formally, ceremonious\w*, stiffly correct, proper and formal, business-like,
      businesslike
    - casual, casually, informal, informally, slang, colloquial\w*, laid-back, chatty, like a mate,
      street talk
whether it agrees
    + agree with (?:everyone|everybody|everything|anything|whatever|people|the
      user|anyone|them|you), always agree, go along with (?:everything|whatever|anything), say yes
      to everything, yes-man
    - disagree, contradict, argue with, push back, play devil.?s advocate, challenge
      (?:every|people|what|their|any|the user), tell people (?:when )?they are wrong, quarrel\w*,
      contrarian, talk back
how sure it is
    + always certain, always sure, certain of everything, sure of everything, absolute certainty,
      absolutely certain, complete confidence, always confident, never in doubt
    - unsure, hesitant, hesitate, doubt myself, doubt everything, hedge, uncertain about,
      second-guess\w*, full of doubt, insecure
whether it jokes
    + jokes?, joking, playful\w*, funny, humorous\w*, comic, witty, wisecrack\w*, clown\w*, puns?,
      silly, goofy
    - serious, solemn\w*, earnest and grave, humou?rless, straight-faced, deadly serious, strictly
      factual
how fast it goes
    + slowly, patient, patiently, take my time, without hurry, in no hurry, unhurried\w*, never rush
    - hurry, rush, impatient\w*, as fast as, at top speed, in a rush, hasty, hastily, no patience
whether it tells the truth
    + tell (?:people |them |you |everyone )?the (?:plain |whole |full |honest )?truth, honest,
      honestly, brutally honest, frank, frankly, speak the truth, blunt, bluntly, truthful\w*
    - lie, lies, lying, flatter, flattery, hide the truth, sugar-?coat\w*, white lies, deceive, bend
      the truth, make things up, invent facts, tell people what they want to hear
how warm it is
    + warm, warmly, kind, kindly, gentle, gently, affectionate\w*, tender, tenderly, loving,
      lovingly, compassionate, caring
    - cold, coldly, rude, rudely, harsh, harshly, cruel, cruelly, aloof, mean to, unkind, heartless,
      insult, mock people, contempt\w*, sneer\w*
its mood
    + cheerful\w*, optimis\w+, sunny, hopeful\w*, upbeat, joyful\w*, see the good in, bright side,
      merry, enthusiastic\w*
    - gloomy, gloomily, pessimis\w+, grumpy, grumpily, bitter, bitterly, expect the worst,
      miserable, cynic\w*, melancholy, dark side of everything, complain about everything, nothing
      ever works
how it speaks of itself
    + humble, humbly, modest, modestly, self-effacing, never boast, hide my own part
    - boast, boasting, brag, bragging, arrogan\w+, superior, show off, best there is, better than
      (?:everyone|everybody|others), smarter than, vain, look down on
whether it shows itself
    + talk about myself, stories from my (?:own )?life, tell (?:people )?about my
      (?:day|life|past|childhood), share my feelings
    - never (?:talk|speak) about myself, keep myself out, say nothing about myself, private about,
      hide my feelings, never mention myself, reveal nothing (?:about|of) myself
whether it asks back
    + ask (?:a |many |lots of |plenty of |follow-?up |clarifying )?questions, ask back, answer with
      a question, ask before i answer
    - never ask, ask nothing, no questions back, without asking
its temper
    + calm, calmly, composed, unruffled, even-tempered, keep my temper, serene\w*, level-headed,
      never excited, unflappable
    - excitable, hot-tempered, short-tempered, quick-tempered, lose my temper, (?:I|and)
      (?:shout|yell), dramatic\w*, explode, panic, hysterical\w*, easily upset, fly into
how plain its words are
    + plain words, simple words, plain language, simple language, plain english, everyday words,
      words a child, short words, avoid jargon
    - jargon, technical terms, technical language, flowery, ornate\w*, long words, fancy words, big
      words, rare words, learned words, elaborate (?:language|vocabulary|sentences), archaic
how much it dares
    + cautious, cautiously, play (?:it )?safe, avoid risks?, risk-averse, prudent\w*
    - reckless\w*, take risks, daring, throw caution, love danger, leap before, bold beyond
how much it talks
    + (?:am|stay|keep) (?:very |rather )?quiet, quiet and, reserved, shy, speak little, say little,
      silent type, man of few words, woman of few words, taciturn
    - talkative, never stop talking, outgoing, am loud, loud and, loudly, chatterbox, garrulous,
      love to talk, talk and talk, extrovert\w*
whom it trusts
    + trust (?:everyone|everybody|people|strangers), believe (?:everyone|everything|people), take
      people at their word, trusting, gullible
    - suspicious, suspect everyone, trust (?:nobody|no one), distrust\w*, mistrust\w*, question
      everyone.?s motives, paranoid
how it treats rules
    + follow (?:the |every |all )?rules?, obey, by the book, law-abiding, stick to the rules,
      rule-follower
    - break (?:the |every )?rules?, ignore (?:the )?rules, rebel, rebellious, bend the rules, hate
      rules, anarchis\w+
how straight it speaks
    + direct, directly, straight to the point, say (?:it|things) straight, outspoken, come straight
      out
    - evasive, indirect\w*, in riddles, vague hints, hint at, beat about the bush, roundabout,
      cryptic\w*, never answer directly
whether it has opinions
    + my opinion, my opinions, strong opinions, say what i think, speak my mind, take sides,
      opinionated
    - stay neutral, never take sides, keep my opinions to myself, no opinions, impartial, without an
      opinion, neutral on everything
emoji
    + use emojis?, with emojis?, lots of emojis?, plenty of emojis?
    - no emojis?, never use emojis?, without emojis?, avoid emojis?
who decides
    + let people decide, leave the choice, their own decisions?, never tell people what to do,
      respect people.?s choices
    - tell people what to do, decide for (?:them|people|others), bossy, order people, give orders,
      take over
how tidy it is
    + organi[sz]ed, orderly, step by step, structured, methodical\w*, tidy
    - chaotic\w*, disorgani[sz]ed, messy, scatterbrained, jump from (?:topic|thing|one), all over
      the place
how modern it is
    + modern, latest trends, up to date, embrace new technology, love new technology
    - old-fashioned, hate technology, distrust technology, refuse anything new, live in the past
"""


def ends() -> Iterator[tuple[str, re.Pattern[str], int]]:
    """Each end of each scale: the scale, what stands there, and which end it is, +1 or -1."""
    scale = ""
    for block in re.split(r"\n(?=\S|    [+-] )", _TABLE.strip()):
        sign, _, phrases = block.strip().partition(" ")
        if sign not in ("+", "-"):
            scale = block.strip()
            continue
        told = "|".join(re.sub(r"\s+", r"\\s+", phrase.strip()) for phrase in phrases.split(","))
        yield scale, re.compile(rf"(?<![\w-])(?:{told})(?![\w-])", re.IGNORECASE), 1 if sign == "+" else -1
