"""What the server answers: the page, its events, metrics, health, and the page's wishes."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tv2sim.errors import InputError
from tv2sim.realtime.broadcast import Broadcast
from tv2sim.realtime.metrics import exposition

if TYPE_CHECKING:
    from tv2sim.realtime.clock import Clock
    from tv2sim.realtime.watching import Watch

__all__ = ["application"]

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_JAVASCRIPT = "text/javascript; charset=utf-8"
_FILES = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": _JAVASCRIPT,
    "pipeline.js": _JAVASCRIPT,
    "motion.js": _JAVASCRIPT,
    "charts.js": _JAVASCRIPT,
    "dom.js": _JAVASCRIPT,
    "icon.svg": "image/svg+xml",
}
"""What the page is made of, and what it is; there is nothing else in its folder that is sent."""
_MOST = 1000
"""Bytes of a wish."""


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["pause", "resume", "speed"]
    speed: float | str | None = None


def application(
    watch: Watch, clock: Clock, broadcast: Broadcast, allowed: Callable[[str], bool], token: str | None
) -> Callable[..., Awaitable[None]]:
    """Return the application.

    Parameters
    ----------
    watch : Watch
        What is known of the replay.
    clock : Clock
        What the page may pause, and set to another speed.
    broadcast : Broadcast
        What tells viewers.
    allowed : callable
        Says of a Host header whether it is this server's.
    token : str or None
        What a wish has to carry; None refuses them all.
    """
    folder = files("tv2sim.realtime") / "page"
    pages = {f"/{name}": ((folder / name).read_bytes(), kind) for name, kind in _FILES.items()}
    pages["/"] = pages.pop("/index.html")

    async def page(request: Request) -> Response:
        content, kind = pages[request.scope["path"]]
        return Response(content, media_type=kind)

    async def events(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(broadcast.stream(), media_type="text/event-stream")

    async def metrics(request: Request) -> Response:
        content, kind = exposition(watch.registry, request.headers.get("accept", ""))
        return Response(content, headers={"content-type": kind})

    async def health(request: Request) -> Response:
        return PlainTextResponse("failed\n", 503) if watch.failed else PlainTextResponse("ok\n")

    async def control(request: Request) -> Response:
        given = request.headers.get("x-replay-token", "")
        if token is None or not hmac.compare_digest(given.encode(), token.encode()):
            return PlainTextResponse("open the address that the replay has printed, on its machine\n", 403)
        try:
            _fulfil(clock, await _wish(request))
        except (InputError, msgspec.MsgspecError, UnicodeError, ClientDisconnect) as error:
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
    return _guarded(app, allowed)


async def _wish(request: Request) -> _Wish:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST:
            raise InputError(f"a wish has at most {_MOST} bytes")
    return msgspec.json.decode(body, type=_Wish)


def _fulfil(clock: Clock, wish: _Wish) -> None:
    if wish.action == "pause":
        clock.pause()
    elif wish.action == "resume":
        clock.resume()
    else:
        clock.set_speed(wish.speed)


def _guarded(app: Starlette, allowed: Callable[[str], bool]) -> Callable[..., Awaitable[None]]:
    """Refuse requests that were meant for another host, and tell browsers to be strict.

    A page elsewhere can make a browser send such requests.
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
