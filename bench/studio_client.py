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
        messages, size = await asyncio.wait_for(self._until_finished(), LONGEST_S)
        raised = tuple(
            f"{message.delta.new_element.exception.type}: {message.delta.new_element.exception.message}"
            for message in messages
            if message.delta.new_element.HasField("exception")
        )
        return Run(time.perf_counter() - began, size, raised, tuple(messages))

    async def _until_finished(self) -> tuple[list[ForwardMsg], int]:
        messages: list[ForwardMsg] = []
        size = 0
        async for frame in self.socket:
            assert isinstance(frame.data, bytes), f"the studio closed the tab: {frame}"
            message = ForwardMsg()
            message.ParseFromString(frame.data)
            messages.append(message)
            size += len(frame.data)
            ended = message.WhichOneof("type") == "script_finished"
            # A rerun that the script itself asked for ends early and begins again at once.
            if ended and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return messages, size
        raise ConnectionError("The studio closed the tab before the page was drawn.")
