"""A scripted stand-in for an OpenAI-compatible server, cheap enough that the client is the bottleneck.

    from tests.load_server import Latency, LoadServer, Plan, faults

    with LoadServer(Plan(latency=Latency(0.2, 0.8), concurrency=37)) as server:
        …                       # ask server.name ("http://127.0.0.1:PORT/v1#test-model")
        server.stats()          # requests, by status, in flight (max, time-weighted mean), 429s
        server.log.records      # one `Record` a request, in order of arrival

    Plan(faults=((0.05, faults.status(503)),))                       5 % of the attempts, by seed
    Plan(script=lambda number, body, attempt: faults.silent() if number == 3 else None)

As a program: `python -m tests.load_server --help`.
"""

from tests.load_server import faults
from tests.load_server.answers import text_for
from tests.load_server.faults import Fault
from tests.load_server.log import Log, Record
from tests.load_server.plan import Latency, Plan, Storm, latency_of
from tests.load_server.server import LoadServer

__all__ = [
    "Fault",
    "Latency",
    "LoadServer",
    "Log",
    "Plan",
    "Record",
    "Storm",
    "faults",
    "latency_of",
    "text_for",
]
