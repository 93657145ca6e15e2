"""A web server in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import re
import secrets
import socket
import threading
from typing import TYPE_CHECKING

from tv2sim.base.checks import a_whole_number
from tv2sim.base.errors import InputError, OutputError, need

if TYPE_CHECKING:
    from tv2sim.realtime.handle import Replay

__all__ = ["Server"]


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
    MissingExtraError
        Without the extra "replay".
    """

    def __init__(self, host: str, port: int) -> None:
        port = a_whole_number("port", port, at_least=0, at_most=65535, error=InputError)
        need("prometheus_client", "starlette", "uvicorn", to="serve a page and metrics")
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
        # browsers do not send what follows the #
        return f"http://{host}:{self.port}/" + ("" if self.token is None else f"#token={self.token}")

    def start(self, replay: Replay) -> None:
        """Serve a replay from now on."""
        import uvicorn

        from tv2sim.realtime.app import Broadcast, Connection, application

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
            limit_concurrency=_MOST,
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
_MOST = 500
"""Connections at a time. Further ones get status 503, so that file descriptors do not run out."""
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
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use: choose another one, or 0 for any that is free") from error
        raise InputError(f"cannot listen at {host!r}, port {port}: {error.strerror or error}") from error
    return listener
