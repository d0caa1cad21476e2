"""A TCP proxy between two processes: it can cut, delay and watch what they say."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from tests.tools import PATIENCE_S

PIECE = 64 * 1024
OVERLAP = 512  # a pattern may lie across two pieces, if it is no longer than this


@dataclass(eq=False)
class Trip:
    """A wire: when its pattern passes, something happens to who sent it, once.

    Attributes:
        pattern: what has to pass, on its way from a client to the server.
        act: is given the sender's process id.
        deliver: whether the message arrives nevertheless.
        by: whether that sender is meant.
    """

    pattern: re.Pattern[bytes]
    act: Callable[[int], object]
    deliver: bool = True
    by: Callable[[int], bool] = lambda pid: True
    sprung: threading.Event = field(default_factory=threading.Event)
    pid: int = 0

    def wait(self) -> int:
        """Wait until it has sprung; return whom it was about."""
        assert self.sprung.wait(PATIENCE_S), f"nobody said {self.pattern.pattern!r}"
        return self.pid


class Proxy:
    """Listens on `port`, and carries what it hears to `target` and back."""

    def __init__(self) -> None:
        self.target = 0
        self.delay_s = 0.0
        self.trips: list[Trip] = []
        self._cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break all connections, and let nobody connect."""
        self._cut = True
        self._loop.call_soon_threadsafe(self._break)

    def mend(self) -> None:
        """Let everybody connect again."""
        self._cut = False

    def trip(self, pattern: bytes, act: Callable[[int], object], **more) -> Trip:
        """Set a wire (see `Trip`)."""
        wire = Trip(re.compile(pattern, re.DOTALL), act, **more)
        self.trips.append(wire)
        return wire

    def calm(self) -> None:
        """Neither cut nor delay, and take away all wires."""
        self._cut, self.delay_s = False, 0.0
        self.trips.clear()

    def close(self) -> None:
        """Stop listening, and break all connections."""
        self.cut()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _end(self) -> None:
        self._server.close()
        while len(asyncio.all_tasks()) > 1:  # the connections' own, on their way out
            self._break()
            await asyncio.sleep(0.01)

    def _break(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        pair = {writer}
        self._open.add(writer)
        try:
            if self._cut:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            pair.add(back)
            self._open.add(back)
            port = writer.get_extra_info("peername")[1]
            ways = {
                asyncio.ensure_future(self._pump(reader, back, port)),
                asyncio.ensure_future(self._pump(there, writer, None)),
            }
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # nobody listens there: the caller's connection breaks, too
        finally:
            for each in pair:
                each.transport.abort()
            self._open -= pair

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        port: int | None,
    ) -> None:
        """Carry one way; `port` is the sender's where wires are to be watched."""
        seen = b""
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if port is not None:
                    seen = seen[-OVERLAP:] + piece
                    if self._springs(seen, port):
                        return
                writer.write(piece)
                await writer.drain()

    def _springs(self, seen: bytes, port: int) -> bool:
        """Spring the first wire that this touches; tell whether it is held back."""
        for wire in list(self.trips):
            if wire.pattern.search(seen) and wire.by(pid := owner_of(port)):
                self.trips.remove(wire)
                wire.pid = pid
                wire.act(pid)
                wire.sprung.set()
                return not wire.deliver
        return False


def owner_of(port: int) -> int:
    """The process at the other end of a connection that comes from that port."""
    for each in psutil.net_connections("tcp"):
        if each.laddr and each.laddr.port == port and each.pid:
            return each.pid
    return 0
