"""What the server of a replay answers, to whom, and that no viewer can hold it up; without a browser."""

from __future__ import annotations

import asyncio
import http.client
import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, Json
from tv2sim.realtime.clock import Speed

pytest.importorskip("uvicorn", reason="needs the extra replay")

BUSY = tv.Scenario(encoders=60, requests_per_second=20)
BUSY_POOL = tv.PART_2C.replace(name="2c, pool of 60", prewarmed=60)


@pytest.fixture(scope="module")
def handle() -> Iterator[tv.Replay]:
    with replay() as one:
        yield one


def replay(catalogue: Any = CATALOGUE, *arguments: Any, speed: Speed = 0.1, **options: Any) -> tv.Replay:
    options = {"port": 0} | options
    return tv.replay(catalogue, *(arguments or ("2c",)), speed=speed, block=False, **options)


def address(handle: tv.Replay) -> tuple[str, int]:
    parts = urlsplit(handle.url or "")
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def token(handle: tv.Replay) -> str:
    return str(handle.url).partition("#token=")[2]


class Answer:
    """What the server answers to a request; of events, the head."""

    def __init__(self, handle: tv.Replay, method: str, path: str, body: str = "", **headers: str) -> None:
        connection = http.client.HTTPConnection(*address(handle), timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, given)
        answer = connection.getresponse()
        self.status, self.headers = answer.status, answer.headers
        streams = answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        self.text = "" if streams else answer.read().decode()
        connection.close()


def wish(handle: tv.Replay, body: str, given: str | None) -> Answer:
    return Answer(handle, "POST", "/control", body, **({} if given is None else {"X_Replay_Token": given}))


def viewer(handle: tv.Replay) -> socket.socket:
    """Connect as somebody who wants the events, and takes little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(5)
    connection.connect(address(handle))
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


def told(connection: socket.socket) -> Iterator[Json]:
    """Yield the events that a viewer gets."""
    with connection.makefile("rb") as lines:
        for line in lines:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


# -- who may ask what --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/page.js", "/events", "/metrics", "/healthz", "/nothing"])
def test_browsers_are_told_to_be_strict(handle: tv.Replay, path: str) -> None:
    headers = Answer(handle, "GET", path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["access-control-allow-origin"] is None
    assert headers["server"] is None


@pytest.mark.parametrize("path", ["/", "/page.js", "/events", "/metrics", "/control"])
@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True), ("127.0.0.1:9", True), ("LOCALHOST:8080", True), ("[::1]:8080", True),
        ("elsewhere.example", False), ("localhost.elsewhere.example", False), ("192.0.2.1", False),
        ("0.0.0.0", False), ("127.0.0.1:80@elsewhere.example", False), ("[::1", False), ("", False),
    ],
)  # fmt: skip
def test_a_request_for_another_host_is_refused(handle: tv.Replay, path: str, host: str, allowed: bool) -> None:
    method = "POST" if path == "/control" else "GET"
    body = json.dumps({"action": "resume"}) if path == "/control" else ""
    answer = Answer(handle, method, path, body, Host=host, X_Replay_Token=token(handle))
    assert answer.status == ({"/control": 204}.get(path, 200) if allowed else 403)


def test_only_the_token_that_was_printed_can_pause(handle: tv.Replay) -> None:
    assert len(token(handle)) >= 20
    for given in (None, "", "wrong", token(handle)[:-1], token(handle).upper() + "æ"):
        assert wish(handle, '{"action": "pause"}', given).status == 403
    assert not handle.paused
    assert wish(handle, '{"action": "pause"}', token(handle)).status == 204
    assert handle.paused
    assert wish(handle, '{"action": "resume"}', token(handle)).status == 204
    assert not handle.paused
    assert Answer(handle, "GET", "/control", X_Replay_Token=token(handle)).status == 405


@pytest.mark.parametrize(
    ("body", "says"),
    [
        *((body, 'a wish is like {"action": "pause"}') for body in ("", "{", "[]", '{"action": "stop"}')),
        ('{"action": "pause", "more": 1}', 'a wish is like {"action": "pause"}'),
        ('{"action": "speed"}', "speed must be"), ('{"action": "speed", "speed": 0}', "speed must be"),
        ('{"action": "speed", "speed": "1"}', "speed must be"),
        ('{"action": "pause"}' + " " * 2000, "at most 1000 bytes"),
    ],
)  # fmt: skip
def test_what_is_no_wish_is_refused_with_a_reason(handle: tv.Replay, body: str, says: str) -> None:
    answer = wish(handle, body, token(handle))
    assert answer.status == 422
    assert says in answer.text
    assert not handle.paused
    assert handle.speed == 0.1


def test_a_page_that_anybody_can_open_can_steer_nothing() -> None:
    with replay(host="0.0.0.0") as handle:
        assert handle.url == f"http://127.0.0.1:{address(handle)[1]}/"
        for given in (None, "", "None"):
            assert wish(handle, '{"action": "pause"}', given).status == 403
        assert not handle.paused
        assert Answer(handle, "GET", "/", Host="192.0.2.1").status == 200
        assert Answer(handle, "GET", "/", Host=socket.gethostname()).status == 200
        assert Answer(handle, "GET", "/", Host="elsewhere.example").status == 403
        with viewer(handle) as connection:
            assert next(told(connection))["steerable"] is False


def test_what_is_no_http_is_no_news(handle: tv.Replay, caplog: pytest.LogCaptureFixture) -> None:
    for given, answer in (
        (b"\x16\x03\x01 hello\r\n\r\n", b"HTTP/1.1 400"),
        (b"HEAD /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200"),
    ):
        with socket.create_connection(address(handle), timeout=60) as connection:
            connection.sendall(given)
            with connection.makefile("rb") as all_of_it:
                assert all_of_it.read().startswith(answer)
    assert caplog.records == []


# -- viewers -----------------------------------------------------------------------------------------------


def test_all_viewers_see_it_played_again_and_hear_when_that_is_no_longer_possible() -> None:
    with replay(speed="max", keep_running=True) as handle, viewer(handle) as one, viewer(handle) as other:
        run = handle.wait(60)
        handle.speed = 50
        both = told(one), told(other)
        rows: list[list[Any]] = []
        for events in both:
            ended = next(event for event in events if event["snapshot"]["phase"] == "finished")
            assert ended["snapshot"]["restartable"]
            rows.append([])
        assert wish(handle, '{"action": "restart"}', "wrong").status == 403
        assert handle.phase == "finished"
        assert wish(handle, '{"action": "restart"}', token(handle)).status == 204
        for events, seen in zip(both, rows, strict=True):
            times = []
            for event in events:
                if event["snapshot"]["phase"] == "running":
                    times.append(event["snapshot"]["time"])
                if times:
                    del seen[event["levels"]["start"] :]
                    seen += event["levels"]["rows"]
                    handle.speed = 100
                if times and event["snapshot"]["phase"] == "finished":
                    break
            assert len(times) > 3  # it is paced
            assert times == sorted(times)
            assert times[0] < 40
            assert seen == [list(row) for row in run.levels.itertuples(index=False)]
        handle.stop()
        for events in both:
            *_, last = events
            assert not last["snapshot"]["restartable"]
            assert last["snapshot"]["phase"] == "finished"


def test_a_late_viewer_gets_the_state_and_the_levels_so_far() -> None:
    with replay(speed=200) as handle:
        wait_until(lambda: handle.time > 40)
        handle.pause()
        time.sleep(0.05)
        with viewer(handle) as connection:
            event = next(told(connection))
        assert event["snapshot"]["paused"] is True
        assert event["snapshot"]["pipeline"]["stats"] == dict(handle.stats)
        assert event["levels"]["start"] == 0
        assert event["levels"]["rows"] == [list(row) for row in handle.levels.itertuples(index=False)]


def test_what_a_viewer_is_told_adds_up_to_the_levels_of_the_run() -> None:
    rows: list[Any] = []
    with replay(speed=1) as handle, viewer(handle) as connection:
        for number, event in enumerate(told(connection)):
            handle.speed = 60 + number  # so that it begins when the viewer is there
            del rows[event["levels"]["start"] :]
            rows += event["levels"]["rows"]
        run = handle.wait(60)
    assert number > 5
    assert event["snapshot"]["phase"] == "finished"
    assert event["snapshot"]["pipeline"]["stats"] == dict(run.stats)
    assert rows == [list(row) for row in run.levels.itertuples(index=False)]


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.full
def test_a_viewer_who_never_reads_delays_nobody() -> None:
    def attempt() -> float:
        with replay(tv.generate_catalogue(3000), BUSY_POOL, BUSY, speed=20) as handle:
            connections = [viewer(handle) for _ in range(3)]
            wait_until(lambda: all(stuck(handle)))
            time.sleep(1)
            lag, start = handle.lag_max, time.monotonic()
            handle.stop()
            assert time.monotonic() - start < 30
            for connection in connections:
                connection.close()
        return lag

    assert any(attempt() < 1 for _ in range(3))  # a noisy machine gets further chances


def stuck(handle: tv.Replay) -> list[bool]:
    """Return for each connection whether the server waits for the viewer to take something."""
    serving = handle._server
    assert serving is not None
    return [connection.flow.write_paused for connection in list(serving._server.server_state.connections)]  # type: ignore[union-attr]


@pytest.mark.full
def test_a_slow_viewer_is_shown_the_present_and_not_a_queue_of_what_was() -> None:
    with replay(tv.generate_catalogue(3000), BUSY_POOL, BUSY, speed=20) as handle, viewer(handle) as slow:
        wait_until(lambda: all(stuck(handle)) and handle.time > 50)
        handle.pause()
        times = []
        for event in told(slow):
            times.append(event["snapshot"]["time"])
            if event["snapshot"]["paused"]:
                break
        assert times[-1] == handle.time
        # of what it was told late there is little: most of the time it was told nothing
        assert times[-1] - times[-2] > 10


@pytest.mark.full
def test_fifty_viewers_do_not_delay_it() -> None:
    def attempt() -> float:
        with replay(tv.generate_catalogue(200), speed=20) as handle:
            done = threading.Event()
            reader = threading.Thread(target=read_all, args=([viewer(handle) for _ in range(50)], done))
            reader.start()
            time.sleep(1.5)
            done.set()
            reader.join()
            return handle.lag_max

    assert any(attempt() < 1 for _ in range(3))  # a noisy machine gets further chances


def read_all(connections: list[socket.socket], done: threading.Event) -> None:
    """Read what many viewers are sent; each is told several times what goes on."""
    got = dict.fromkeys(connections, 0)
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while not done.is_set():
            for key, _ in selector.select(0.1):
                got[key.fileobj] += len(key.fileobj.recv(1 << 16))  # type: ignore[index, union-attr]
    for connection in connections:
        connection.close()
    assert min(got.values()) > 20_000


def test_viewers_who_have_gone_leave_nothing_behind() -> None:
    with replay(speed=5) as handle:
        connections = [viewer(handle) for _ in range(20)]
        for connection in connections:
            next(told(connection))
        assert tasks(handle) > 20
        for connection in connections:
            connection.close()
        wait_until(lambda: tasks(handle) == 2)  # the server itself, and who asks
        with viewer(handle) as another:
            assert next(told(another))["snapshot"]["phase"] == "running"


def tasks(handle: tv.Replay) -> int:
    """Return how many tasks there are in the server's event loop."""

    async def count() -> int:
        return len(asyncio.all_tasks())

    serving = handle._server
    assert serving is not None
    return asyncio.run_coroutine_threadsafe(count(), serving._loop).result(5)


# -- connections that send no request ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/metrics", "/control", "/events", "/nothing"])
@pytest.mark.parametrize("late", [False, True])
def test_a_malformed_body_is_dropped_without_a_word(
    handle: tv.Replay, caplog: pytest.LogCaptureFixture, path: str, late: bool
) -> None:
    """A chunk's length is no number; it comes with the head, or when the answer has come."""
    method = "POST" if path == "/control" else "GET"
    with socket.create_connection(address(handle), timeout=30) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        connection.sendall(f"{head}X-Replay-Token: {token(handle)}\r\n\r\n".encode())
        if late and path != "/control":  # which waits for the body
            assert connection.recv(12) == f"HTTP/1.1 {404 if path == '/nothing' else 200}".encode()
        connection.sendall(b"zzz\r\nwhat\r\n0\r\n\r\n")
        assert read_to_the_end(connection)
    assert Answer(handle, "GET", "/healthz").status == 200
    assert [record.getMessage() for record in caplog.records] == []


def read_to_the_end(connection: socket.socket) -> bool:
    """Read until the server has closed a connection."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.full
def test_connections_that_send_no_request_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither silent ones, nor those that send a part of a request, also after a whole one."""
    monkeypatch.setattr("tv2sim.realtime.server.REQUEST_WITHIN", 1.0)
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    begun = (
        b"",
        b"GET /met",
        whole + b"GET",
        b"POST /control HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    )
    with replay() as handle, ExitStack() as stack:
        watching = stack.enter_context(viewer(handle))
        events = told(watching)
        next(events)
        silent = [
            stack.enter_context(socket.create_connection(address(handle), timeout=30))
            for _ in range(len(begun))
        ]
        for connection, data in zip(silent, begun, strict=True):
            connection.sendall(data)
        assert all(read_to_the_end(connection) for connection in silent)
        # a viewer who has sent a request stays
        for _ in range(5):
            assert next(events)["snapshot"]["phase"] == "running"
        assert Answer(handle, "GET", "/metrics").status == 200
