"""A browser without a screen: speaks Streamlit's websocket protocol to a running studio and measures it.

async with Tab.open("http://127.0.0.1:8501") as tab:
    first = await tab.run("traits", "character=pirate")      # Run(seconds, bytes, exceptions)
    again = await tab.run("traits", "character=pirate")
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates

LONGEST_S = 60.0


@dataclass(frozen=True)
class Run:
    """One run of a page's script as a browser sees it: asked → "finished", and what was sent between."""

    seconds: float
    bytes: int
    exceptions: tuple[str, ...]
    messages: tuple[ForwardMsg, ...]
    arrived: tuple[float, ...]

    def until(self, text: str) -> float:
        """Seconds from the question to the first message that holds `text`. Raises StopIteration."""
        both = zip(self.messages, self.arrived, strict=True)
        return next(seconds for message, seconds in both if text in str(message))


@dataclass
class Tab:
    """One browser tab."""

    socket: aiohttp.ClientWebSocketResponse

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Tab]:
        """A tab that is connected and has not asked for a page yet."""
        stream = url.replace("http", "ws", 1) + "/_stcore/stream"
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(
                stream, protocols=("streamlit",), headers={"Origin": url}, max_msg_size=0
            ) as socket,
        ):
            yield cls(socket)

    async def run(self, page: str = "", query: str = "", widgets: WidgetStates | None = None) -> Run:
        """Run a page's script once, with the widgets as given, and wait until it has finished."""
        ask = BackMsg()
        ask.rerun_script.query_string = query
        ask.rerun_script.page_name = page
        if widgets is not None:
            ask.rerun_script.widget_states.CopyFrom(widgets)
        began = time.perf_counter()
        await self.socket.send_bytes(ask.SerializeToString())
        messages, size, moments = await asyncio.wait_for(self._until_finished(), LONGEST_S)
        raised = tuple(
            f"{message.delta.new_element.exception.type}: {message.delta.new_element.exception.message}"
            for message in messages
            if message.delta.new_element.HasField("exception")
        )
        arrived = tuple(moment - began for moment in moments)
        return Run(arrived[-1], size, raised, tuple(messages), arrived)

    async def _until_finished(self) -> tuple[list[ForwardMsg], int, list[float]]:
        messages: list[ForwardMsg] = []
        moments: list[float] = []
        size = 0
        async for frame in self.socket:
            assert isinstance(frame.data, bytes), f"the studio closed the tab: {frame}"
            message = ForwardMsg()
            message.ParseFromString(frame.data)
            messages.append(message)
            moments.append(time.perf_counter())
            size += len(frame.data)
            ended = message.WhichOneof("type") == "script_finished"
            # A rerun that the script itself asked for ends early and begins again at once.
            if ended and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return messages, size, moments
        raise ConnectionError("The studio closed the tab before the page was drawn.")
