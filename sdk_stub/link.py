"""A network link that can be cut, taken down, stalled, slowed and garbled: failure tests without luck."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Link:
    """Listens on 127.0.0.1 and passes bytes on to what `connect` opens. Use as an async context manager.

    All settings work at once, on present connections and on new ones:
    `delay_s` each piece of data waits that long, in both directions;
    `garble` changes what the server says, piece by piece (None: nothing).
    """

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self._connect = connect
        self._listener: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0
        self.delay_s = 0.0
        self.garble: Callable[[bytes], bytes] | None = None

    async def up(self) -> None:
        """Listen (again, on the same port)."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse new connections and cut those there are."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Reset all present connections; new ones are welcome."""
        for writer in self._writers:
            writer.transport.abort()

    def stall(self) -> None:
        """Nothing gets through, and nobody is told: a pulled cable."""
        self._flowing.clear()

    def flow(self) -> None:
        """The end of `stall`."""
        self._flowing.set()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()
        self._flowing.set()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._flowing.wait()
            server_reader, server_writer = await self._connect()
            self._writers.add(server_writer)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, server_writer, from_server=False))
                    both.create_task(self._pump(server_reader, writer, from_server=True))
            finally:
                self._writers.discard(server_writer)
                server_writer.transport.abort()
        self._writers.discard(writer)
        self._pumps.discard(task)
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        # The end of one direction ends the link: what is on its way in the other is lost, as in life.
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._flowing.wait()
                writer.write(self.garble(piece) if from_server and self.garble else piece)
                await writer.drain()
        writer.transport.abort()


class PostgresLink(Link):
    """A link to the Postgres of `dsn`; `self.dsn` leads through it once it is up."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        host = query.get("host", [parts.hostname or "127.0.0.1"])[0]
        port = int(query.get("port", [str(parts.port or 5432)])[0])

        async def connect() -> Streams:
            if host.startswith("/"):
                return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            return await asyncio.open_connection(host, port)

        super().__init__(connect)
        self._parts = parts

    @property
    def dsn(self) -> str:
        login = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(
            (self._parts.scheme, f"{login}@127.0.0.1:{self.port}", self._parts.path, "sslmode=disable", "")
        )
