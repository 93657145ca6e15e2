"""The server of a replay, in a thread of its own: the page, its events, metrics, health, and control."""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import logging
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import h11
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from tv2sim.base.checks import a_whole_number
from tv2sim.base.errors import InputError, OutputError
from tv2sim.realtime.clock import Speed
from tv2sim.realtime.pipeline_state import Frame, Phase
from tv2sim.realtime.prometheus_metrics import exposition

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry


class _Served(Protocol):
    """A replay, as far as a server shows and controls it."""

    phase: Phase
    speed: Speed

    @property
    def registry(self) -> CollectorRegistry: ...
    def look(self, generation: int, rows: int) -> Frame: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def restart(self) -> None: ...


class Server:
    """Listens when it is made, and answers between :meth:`start` and :meth:`close`.

    Parameters
    ----------
    host : str
        The address of this machine to listen at.
    port : int
        The port; 0 takes a free one.

    Raises
    ------
    InputError
        If it cannot listen there.
    """

    def __init__(self, host: str, port: int) -> None:
        port = a_whole_number("port", port, at_least=0, at_most=65535, error=InputError)
        self._host = host
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._address = ipaddress.ip_address(self._socket.getsockname()[0])
        # a page that other machines can open must not control the clock
        self.token = secrets.token_urlsafe(16) if self._address.is_loopback else None
        self._thread: threading.Thread | None = None
        self._closing = threading.Lock()

    @property
    def url(self) -> str:
        """The page's address with the token that it needs to pause and to change the speed."""
        name = "127.0.0.1" if self._address.is_unspecified else str(self._address)
        host = f"[{name}]" if ":" in name else name
        # browsers do not send the part after the #
        return f"http://{host}:{self.port}/" + ("" if self.token is None else f"#token={self.token}")

    def start(self, replay: _Served) -> None:
        """Serve a replay from now on."""
        broadcast = Broadcast(replay.look, steerable=self.token is not None)
        config = uvicorn.Config(
            application(replay, broadcast, self.allows, self.token),
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,  # malformed requests are not reported in the terminal
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
        )
        self._broadcast, self._server = broadcast, uvicorn.Server(config)
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        try:
            self._loop = runner.get_loop()
        except OSError as error:
            raise OutputError(f"cannot serve at port {self.port}: {error}") from error

        def run() -> None:
            with runner:
                runner.run(self._server.serve(sockets=[self._socket]))

        self._thread = threading.Thread(target=run, name="tv2sim server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send viewers the final state and stop listening, within a second even if they do not read."""
        with self._closing:
            if self._thread is not None and self._thread.is_alive():
                asyncio.run_coroutine_threadsafe(self._broadcast.end(), self._loop)
                self._server.should_exit = True
                self._thread.join(_PATIENCE)
                if self._thread.is_alive():
                    self._loop.call_soon_threadsafe(self._cut_off)
                    self._thread.join(_PATIENCE)
            self._socket.close()

    def _cut_off(self) -> None:
        """Drop the connections of viewers who do not read."""
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    def allows(self, host: str) -> bool:
        """Return whether a Host header names this server.

        Another site can make its own name point here, but it cannot do that with an address. So addresses and
        the names of this machine are allowed.
        """
        match = _HOST.fullmatch(host.strip().lower())
        name = "" if match is None else match[1] or match[2]
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            own = {"localhost", self._host.lower()}
            if not self._address.is_loopback:
                own.add(socket.gethostname().lower())
            return bool(name) and name in own
        return address.is_loopback or not self._address.is_loopback


_HOST = re.compile(r"(?:\[([^\[\]@]+)\]|([^:\[\]@]+))(?::[0-9]*)?")
_CONNECTIONS = 500
"""Connections at a time, at most. Further ones get status 503, so that file descriptors do not run out."""
_BUFFER = 1 << 16
"""Bytes that the system buffers for a viewer. With so few, a slow viewer misses ticks and sees the present."""
_PATIENCE = 0.4
"""Wall seconds of each of the two waits at the end."""


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens there."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen at host {host!r}: {reason}") from error
    family, _, _, _, address = found[0]
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(address, family=family, backlog=128, dualstack_ipv6=both)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use: choose another one, or 0 for any that is free") from error
        reason = os.strerror(error.errno) if error.errno else error
        raise InputError(f"cannot listen at {host!r}, port {port}: {reason}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)  # connections inherit it
    return listener


# -- the application ---------------------------------------------------------------------------------------

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FILES = ("index.html", "page.css", "page.js", "pipeline.js", "motion.js", "charts.js", "dom.js", "icon.svg")
"""The files of the page; no other file of its folder is sent."""
_BODY = 1000
"""Bytes of the body of a request for control, at most."""


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request for control."""

    action: Literal["pause", "resume", "restart", "speed"]
    speed: float | str | None = None


_EXAMPLE = '{"action": "pause"}'


def application(
    replay: _Served, broadcast: Broadcast, allowed: Callable[[str], bool], token: str | None
) -> Callable[..., Awaitable[None]]:
    """Return the application.

    Parameters
    ----------
    replay : _Served
        The replay that is shown and controlled.
    broadcast : Broadcast
        The events for the page.
    allowed : callable
        Returns whether a Host header names this server.
    token : str or None
        The token that a request for control must carry; with None, all of them are refused.
    """
    folder = files("tv2sim.pages") / "live"
    pages = {f"/{name}": ((folder / name).read_bytes(), _TYPES[name.rpartition(".")[2]]) for name in _FILES}
    pages["/"] = pages.pop("/index.html")

    async def page(request: Request) -> Response:
        content, kind = pages[request.scope["path"]]
        return Response(content, media_type=kind)  # to text, Starlette adds the charset

    async def events(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(broadcast.stream(), media_type="text/event-stream")

    async def metrics(request: Request) -> Response:
        content, kind = exposition(replay.registry, request.headers.get("accept", ""))
        return Response(content, headers={"content-type": kind})

    async def health(request: Request) -> Response:
        return PlainTextResponse("failed\n", 503) if replay.phase == "failed" else PlainTextResponse("ok\n")

    async def control(request: Request) -> Response:
        given = request.headers.get("x-replay-token", "")
        if token is None or not hmac.compare_digest(given.encode(), token.encode()):
            return PlainTextResponse("open the address that the replay has printed, on its machine\n", 403)
        try:
            await _control(replay, request)
        except (msgspec.MsgspecError, UnicodeError) as error:
            return PlainTextResponse(f"a wish is like {_EXAMPLE} ({error})\n", 422)
        except (InputError, ClientDisconnect) as error:
            return PlainTextResponse(f"{error}\n", 422)
        return Response(status_code=204)

    routes = [
        *(Route(path, page) for path in pages),
        Route("/events", events),
        Route("/metrics", metrics),
        Route("/healthz", health),
        Route("/control", control, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return _guard(app, allowed)


async def _control(replay: _Served, request: Request) -> None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY:
            raise InputError(f"a wish has at most {_BODY} bytes")
    wish = msgspec.json.decode(body, type=_Wish)
    if wish.action == "speed":
        replay.speed = wish.speed  # type: ignore[assignment]
    else:
        getattr(replay, wish.action)()


def _guard(app: Starlette, allowed: Callable[[str], bool]) -> Callable[..., Awaitable[None]]:
    """Refuse requests for another host, and add the headers that make browsers strict.

    A page of another site can make a browser send such requests (DNS rebinding).
    """
    headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        async def strict(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", ()), *headers]}
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] == "http" and not (len(hosts) == 1 and allowed(hosts[0])):
            refusal = PlainTextResponse("this server answers to its own address only\n", 403)
            await refusal(scope, receive, strict)
        else:
            await app(scope, receive, strict)

    return guarded


# -- connections -------------------------------------------------------------------------------------------

REQUEST_WITHIN = 10.0
"""Wall seconds within which a connection has to send a request, or it is dropped."""


class Connection(H11Protocol):
    """uvicorn's HTTP connection, which also drops silent clients and does not report malformed bodies."""

    cycle: Any  # None before the first request, which uvicorn's type does not say
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request."""
        super().connection_made(transport)
        self._wait_for_a_request()

    def on_response_complete(self) -> None:
        """Start to wait for another request."""
        super().on_response_complete()
        self._wait_for_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._limit is not None:
            self._limit.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request, or drop the connection if an answer has begun, as to a malformed body."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # the application must not answer as well
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.transport.abort()

    def _wait_for_a_request(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = self.loop.call_later(REQUEST_WITHIN, self._drop_if_silent)

    def _drop_if_silent(self) -> None:
        """Drop the connection, unless a whole request has come that is still being answered."""
        if self.cycle is None or self.cycle.more_body or self.cycle.response_complete:
            self.transport.abort()


# -- events ------------------------------------------------------------------------------------------------

PERIOD = 0.1
"""Wall seconds between two ticks, at least."""
SILENCE = 1.0
"""Wall seconds after which there is a tick even if nothing has changed."""


class _Tick(NamedTuple):
    """The events that viewers are sent at one time."""

    number: int
    new: bytes
    """The event for a viewer that had the tick before this one: it holds only the levels since then."""
    everything: Callable[[], bytes]
    """Returns the event for any other viewer; it is encoded once, when first needed."""


class Broadcast:
    """Server-sent events for any number of viewers. A viewer that reads slowly does not delay the others.

    Everything here runs in the server's event loop.

    Invariant: only the latest tick is kept, so a missed tick is never sent later. A viewer that had the tick
    before it gets `new`, whose rows follow the rows of that tick. Any other viewer gets `everything`, which
    replaces all rows that the viewer has.

    Parameters
    ----------
    look : callable
        Returns a :class:`Frame`, given the generation and the number of the rows that viewers have.
    steerable : bool
        Whether the page may pause, change the speed and play again.
    """

    def __init__(self, look: Callable[[int, int], Frame], *, steerable: bool = False) -> None:
        self._look, self._steerable = look, steerable
        self._tick = _Tick(-1, b"", bytes)
        self._fresh = asyncio.Event()
        self._ended = False
        self._viewers = 0
        self._ticker: asyncio.Task[None] | None = None
        self._known = (-1, 0)
        self._last: tuple[object, ...] = ()
        self._last_at = 0.0

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the events for one viewer: the whole state first, then changes, up to the end."""
        self._viewers += 1
        if self._ticker is None and not self._ended:
            self._make_tick()
            self._ticker = asyncio.create_task(self._make_ticks())
        seen = -1
        try:
            yield b"retry: 1000\n\n"
            while True:
                while (tick := self._tick).number == seen:
                    if self._ended:
                        return
                    await self._fresh.wait()
                yield tick.new if seen == tick.number - 1 else tick.everything()
                seen = tick.number
        finally:
            self._viewers -= 1

    async def end(self) -> None:
        """Send the final state to all viewers, and end their streams."""
        if not self._ended:
            self._make_tick()
            self._ended = True
            self._fresh.set()
            if self._ticker is not None:
                self._ticker.cancel()

    async def _make_ticks(self) -> None:
        """Make ticks as long as there are viewers."""
        try:
            while self._viewers:
                await asyncio.sleep(PERIOD)
                self._make_tick()
        finally:
            self._ticker = None

    def _make_tick(self) -> None:
        """Make a tick, if anything has changed or the last one was long ago."""
        frame = self._look(*self._known)
        now = frame.snapshot
        content = (now.pipeline.version, now.speed, now.paused, now.phase, now.restartable)
        if content == self._last and time.monotonic() - self._last_at < SILENCE:
            return
        self._last, self._last_at = content, time.monotonic()
        self._known = (frame.generation, frame.start + len(frame.rows))
        everything = cache(lambda: self._event(self._look(-1, 0)))
        self._tick = _Tick(self._tick.number + 1, self._event(frame), everything)
        self._fresh.set()
        self._fresh = asyncio.Event()

    def _event(self, frame: Frame) -> bytes:
        event = {
            "snapshot": frame.snapshot,
            "levels": {"names": frame.names, "start": frame.start, "rows": frame.rows},
            "steerable": self._steerable,
            "seed": str(frame.snapshot.seed),  # a browser's numbers have too few digits
        }
        return b"data: " + msgspec.json.encode(event) + b"\n\n"
