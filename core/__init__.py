"""The studio's library. Read it in this order:

records, errors                      the nouns and the failures
constitution, prompts, pairs         pure: what a character is, what to ask, what makes a pair
engines, store, jobs, settings       the four edges: network, files, processes, environment
stages                               where they meet: one module a verb
cli                                  `character VERB`
"""
