"""Bulk generation: ask a model thousands of things, always full, never wasteful, nothing lost.

    answer_all(engine, requests, on_done, …)   core.bulk.pipeline   slots, retries, what stops a job
    Pace                                       core.bulk.pace       how many at once, learnt
    Patience, pause, RetryBudget               core.bulk.retries    when to ask again
    Figures                                    core.bulk.figures    what the job page shows

Memory does not grow with the number of requests: they come from an iterator, at most a few times the
limit are open at once, and each result is handed over the moment it lands.
"""

from core.bulk.pipeline import Bulk, OnDone, Request, answer_all

__all__ = ["Bulk", "OnDone", "Request", "answer_all"]
