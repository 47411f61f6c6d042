"""Drafting a character: from a free description to first-person traits, with a model and without. Pure.

first_person    "who never lies" → "I never lie."
everyday        questions that anybody might ask, for a trait that has none yet
clarifying      what is asked before the first draft, and what each answer becomes
own_words       a first constitution from a person's own sentences, each with its source
briefs          what a model is asked
replies         what came back, read leniently; what cannot be used keeps its reason
mixing          kept traits of several drafts → one character
proposals       one change of a trait, a new trait, or new questions, to accept or put aside
reactions       praise, critique and rewrites of an answer → a proposal
writers         which model writes by default, and whether it is up to it
"""
