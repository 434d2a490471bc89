"""Visitors of the dashboard by its websocket, without a browser: each opens pages and ticks as a browser would."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PATIENCE = 120.0  # seconds for one page


@dataclass
class Session:
    """One visitor. `errors` are the exceptions that pages showed; `got` is how many bytes came in all."""

    address: str  # of the server, http://...
    errors: list[str] = field(default_factory=list)
    got: int = 0
    tick_bytes: list[int] = field(default_factory=list)
    tick_seconds: list[float] = field(default_factory=list)
    _socket: Any = None
    _page: str = ""
    _query: str = ""
    _script: str = ""  # what the server calls the page
    _hashes: set[str] = field(default_factory=set)  # of messages that the browser would have kept
    _every: dict[str, float] = field(default_factory=dict)  # seconds between the runs of a fragment
    _due: dict[str, float] = field(default_factory=dict)  # when each runs next

    async def __aenter__(self) -> Session:
        """Connects."""
        stream = self.address.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket = await websockets.connect(
            stream, subprotocols=["streamlit"], max_size=None, open_timeout=PATIENCE
        )  # type: ignore[list-item]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leaves."""
        await self._socket.close()

    async def opens(self, page: str, query: str = "") -> float:
        """Goes to a page ("" is Home); the seconds until all of it was there."""
        self._page, self._query = page, query
        self._every.clear()
        self._due.clear()
        began = time.perf_counter()
        await self._run(None)
        return time.perf_counter() - began

    async def stays(self, seconds: float) -> None:
        """Looks at the page for so long: what ticks there is asked for anew, as a browser does."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            for each, every in self._every.items():
                self._due.setdefault(each, loop.time() + every)
            self._due = {each: at for each, at in self._due.items() if each in self._every}
            fragment, at = min(self._due.items(), key=lambda item: item[1], default=("", until))
            if (wait := min(at, until) - loop.time()) > 0:
                await self._hears(wait)
            if fragment and loop.time() >= at and at < until:
                before, began = self.got, time.perf_counter()
                with contextlib.suppress(TimeoutError):
                    await self._run(fragment)
                self.tick_bytes.append(self.got - before)
                self.tick_seconds.append(time.perf_counter() - began)
                self._due.pop(fragment, None)

    async def _run(self, fragment: str | None) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self._query
        if fragment:
            state.page_script_hash = self._script
        else:
            state.page_name = self._page
        state.cached_message_hashes.extend(self._hashes)
        if fragment:
            state.fragment_id, state.is_auto_rerun = fragment, True
        await self._socket.send(message.SerializeToString())
        async with asyncio.timeout(PATIENCE):
            while not await self._takes(await self._socket.recv()):
                pass

    async def _hears(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self._takes(await self._socket.recv())

    async def _takes(self, content: bytes) -> bool:
        """Takes a message; whether it was the last of a run of the script."""
        self.got += len(content)
        message = ForwardMsg()
        message.ParseFromString(content)
        if message.metadata.cacheable and message.hash:
            self._hashes.add(message.hash)
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
            self.errors.append(message.delta.new_element.exception.message)
        elif kind == "navigation":
            self._script = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            self._every[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            for each in message.stop_auto_rerun.fragment_ids:
                self._every.pop(each, None)
        elif kind == "new_session" and not message.metadata.run.fragment_ids:
            self._every.clear()  # the whole page runs, and says anew what ticks
        return kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
