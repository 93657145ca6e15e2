"""Results that are kept: nothing is simulated twice, and no byte differs, whatever ended the program before."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tv2sim as tv
from tests.engines.test_pinned import PINNED
from tests.experiments.test_comparison import same_study
from tests.experiments.test_replicate_and_compare import CATALOGUE, FEW, same
from tests.helpers.commands import CATALOGUE as FILE
from tests.helpers.commands import SAMPLE, is_one_line, start, tv2sim
from tv2sim.engines import choice
from tv2sim.experiments import results_store, workers
from tv2sim.experiments.results_store import Description, IndescribableError

pytestmark = pytest.mark.full
ENGINES = ["simpy", pytest.param("kernel", marks=pytest.mark.skipif(not find_spec("numba"), reason="numba"))]


class Call(NamedTuple):
    """A chunk that was simulated."""

    strategy: str
    start: int
    stop: int
    metrics: int


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """List the chunks that this process simulates."""
    done: list[Call] = []
    original = choice.measure_chunk

    def watched(*arguments: Any) -> Any:
        _, _, strategy, _, _, part, metrics, *_ = arguments
        done.append(Call(strategy.name, part.start, part.stop, len(metrics)))
        return original(*arguments)

    monkeypatch.setattr(workers, "measure_chunk", watched)
    return done


def ranges(calls: list[Call]) -> list[tuple[int, int]]:
    return sorted((call.start, call.stop) for call in calls)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in files(folder)}


# -- the same command again --------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
class TestAgain:
    def test_nothing_is_simulated_twice(self, engine: Any, tmp_path: Path, calls: list[Call]) -> None:
        how: dict[str, Any] = {
            "replications": 60,
            "seed": 3,
            "engine": engine,
            "scenario": {"encoders": [3, 10]},
        }
        plain = tv.compare(CATALOGUE, ["1", "2c"], **how)
        calls.clear()
        same_study(tv.compare(CATALOGUE, ["1", "2c"], results=tmp_path, **how), plain)
        assert calls
        calls.clear()
        same_study(tv.compare(CATALOGUE, ["1", "2c"], results=str(tmp_path), **how), plain)
        assert calls == []

    def test_more_replications(self, engine: Any, tmp_path: Path, calls: list[Call]) -> None:
        tv.replicate(CATALOGUE, "2c", replications=50, engine=engine, results=tmp_path)
        calls.clear()
        reps = tv.replicate(CATALOGUE, "2c", replications=90, engine=engine, results=tmp_path)
        assert (ranges(calls)[0][0], ranges(calls)[-1][1]) == (50, 90)
        same(reps, tv.replicate(CATALOGUE, "2c", replications=90, engine=engine))

    def test_more_strategies(self, engine: Any, tmp_path: Path, calls: list[Call]) -> None:
        tv.compare(CATALOGUE, ["1", "2c"], replications=30, engine=engine, results=tmp_path)
        calls.clear()
        study = tv.compare(CATALOGUE, ["1", "2a", "2c"], replications=30, engine=engine, results=tmp_path)
        assert {call.strategy for call in calls} == {"2a"}
        same_study(study, tv.compare(CATALOGUE, ["1", "2a", "2c"], replications=30, engine=engine))

    def test_more_metrics_are_computed_alone(self, engine: Any, tmp_path: Path, calls: list[Call]) -> None:
        some = ["published", "idle"]
        tv.replicate(CATALOGUE, "2c", replications=30, engine=engine, metrics=some, results=tmp_path)
        for _ in range(2):
            calls.clear()
            reps = tv.replicate(CATALOGUE, "2c", replications=30, engine=engine, results=tmp_path)
            same(reps, tv.replicate(CATALOGUE, "2c", replications=30))
        assert len(reps.metrics) == 22
        calls.clear()
        tv.replicate(CATALOGUE, "2c", replications=30, engine=engine, results=tmp_path)
        assert calls == []

    def test_fewer_metrics_are_all_there(self, engine: Any, tmp_path: Path, calls: list[Call]) -> None:
        tv.replicate(CATALOGUE, "2c", replications=30, engine=engine, results=tmp_path)
        calls.clear()
        reps = tv.replicate(CATALOGUE, replications=30, engine=engine, metrics="idle", results=tmp_path)
        assert calls == []
        same(reps, tv.replicate(CATALOGUE, replications=30, metrics="idle"))

    def test_extending(self, engine: Any, tmp_path: Path, calls: list[Call]) -> None:
        reps = tv.replicate(CATALOGUE, "2c", replications=20, engine=engine, results=tmp_path)
        whole = reps.extend(30, results=tmp_path)
        calls.clear()
        same(tv.replicate(CATALOGUE, "2c", replications=50, engine=engine, results=tmp_path), whole)
        assert calls == []
        same(reps.extend(30), whole)

    def test_any_files_may_be_gone(self, engine: Any, tmp_path: Path) -> None:
        """What is there after a kill at any point, or after a hundred of them."""
        how: dict[str, Any] = {"replications": 120, "engine": engine, "results": tmp_path}
        plain = tv.compare(FEW, ["1", "2c"], replications=120)
        for stop in (40, 70, 120):
            tv.compare(FEW, ["1", "2c"], **{**how, "replications": stop})
        for number in range(8):
            chance = random.Random(number)
            for path in files(tmp_path):
                if chance.random() < 0.4:
                    path.unlink()
            same_study(tv.compare(FEW, ["1", "2c"], **how), plain)


def test_the_metrics_that_are_computed_are_those_that_lack(tmp_path: Path, calls: list[Call]) -> None:
    tv.replicate(CATALOGUE, replications=25, engine="simpy", metrics=["published", "idle"], results=tmp_path)
    calls.clear()
    tv.replicate(CATALOGUE, replications=25, engine="simpy", results=tmp_path)
    assert calls == [Call("2c", 0, 25, 22 - 3)], "the on-time rate is always computed"


def test_pieces_of_all_kinds_are_put_together(tmp_path: Path, calls: list[Call]) -> None:
    """Metrics and replications that overlap in every way; the engine's own chunks are no matter."""
    how: dict[str, Any] = {"seed": 8, "results": tmp_path}
    for metrics, count in [("idle", 60), ("makespan", 35), (["idle", "failed"], 110), ("elapsed_p95", 10)]:
        tv.replicate(CATALOGUE, replications=count, metrics=metrics, engine="simpy", **how)
    chosen = ["idle", "failed", "makespan", "elapsed_p95"]
    reps = tv.replicate(CATALOGUE, replications=130, metrics=chosen, **how)
    same(reps, tv.replicate(CATALOGUE, replications=130, metrics=chosen, seed=8))
    calls.clear()
    tv.replicate(CATALOGUE, replications=130, metrics=chosen, **how)
    assert calls == []


@pytest.mark.skipif(not find_spec("numba"), reason="numba")
def test_one_engine_goes_on_where_the_other_has_stopped(tmp_path: Path, calls: list[Call]) -> None:
    for first, then in (("simpy", "kernel"), ("kernel", "simpy")):
        folder = tmp_path / first
        tv.replicate(CATALOGUE, replications=40, engine=first, results=folder)  # type: ignore[arg-type]
        calls.clear()
        reps = tv.replicate(CATALOGUE, replications=65, engine=then, results=folder)  # type: ignore[arg-type]
        assert ranges(calls)[0][0] == 40
        same(reps, tv.replicate(CATALOGUE, replications=65))


def test_a_precision_takes_what_is_there(tmp_path: Path, calls: list[Call]) -> None:
    how: dict[str, Any] = {"replications": 2000, "precision": tv.Precision("on_time_rate", absolute=0.02)}
    plain = tv.replicate(FEW, "1", **how)
    same(tv.replicate(FEW, "1", results=tmp_path, **how), plain)
    calls.clear()
    again = tv.replicate(FEW, "1", results=tmp_path, **how)
    same(again, plain)
    assert again.stopped == plain.stopped
    assert calls == []


def test_fewer_replications_than_are_kept_as_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tv.replicate(CATALOGUE, replications=25, engine="simpy", results=tmp_path)
    for _ in range(2):
        same(
            tv.replicate(CATALOGUE, replications=10, results=tmp_path), tv.replicate(CATALOGUE, replications=10)
        )
    assert caplog.messages == [
        "replications 0 to 24 of strategy '2c' are kept as one, and are not used for a part of them"
    ]


@pytest.mark.parametrize("workers", ["processes", "executor"])
def test_wherever_it_is_done(
    workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[Call]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr("tv2sim.experiments.workers._SHORT", 0.0)
    tv.replicate(CATALOGUE, "1", replications=50, engine="simpy", results=tmp_path)
    with ThreadPoolExecutor(2) as executor:
        how: dict[str, Any] = {"workers": 2} if workers == "processes" else {"executor": executor}
        reps = tv.replicate(CATALOGUE, "1", replications=150, engine="simpy", results=tmp_path, **how)
    same(reps, tv.replicate(CATALOGUE, "1", replications=150))
    calls.clear()
    tv.replicate(CATALOGUE, "1", replications=150, engine="simpy", results=tmp_path)
    assert calls == []


# -- what it depends on ------------------------------------------------------------------------------------

OTHERS: dict[str, dict[str, Any]] = {
    "seed": {"seed": 2},
    "strategy": {"strategy": "2c:9"},
    "scenario": {"scenario": tv.Scenario(encoders=9)},
    "start-up time": {"scenario": tv.Scenario(startup_time="uniform(2, 7)")},
    "a video": {"catalogue": tv.generate_catalogue(len(FEW), seed=5)},
    "one video less": {"catalogue": FEW[:-1]},
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_input_is_another_cell(name: str, tmp_path: Path, calls: list[Call]) -> None:
    usual: dict[str, Any] = {"catalogue": FEW, "strategy": "2c", "replications": 20}
    tv.replicate(results=tmp_path, **usual)
    calls.clear()
    same(tv.replicate(results=tmp_path, **{**usual, **OTHERS[name]}), tv.replicate(**{**usual, **OTHERS[name]}))
    assert len(calls) == 2, "with results and without"


def test_names_decide_nothing(tmp_path: Path, calls: list[Call]) -> None:
    tv.replicate(FEW, "2c:9", tv.Scenario(), replications=20, results=tmp_path)
    calls.clear()
    catalogue = tv.read_catalogue([*FEW.frame.rename(columns=_CAMEL).to_dict("records")], name="other")
    tv.replicate(catalogue, tv.Strategy("nine", prewarmed=9), replications=20, results=tmp_path)
    assert catalogue == FEW
    assert calls == []


_CAMEL = {"encoding_time": "encodingTime", "publication_timeout": "publicationTimeout"}


def test_another_version_of_the_rules_is_simulated_again_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, calls: list[Call]
) -> None:
    tv.replicate(FEW, "2c", replications=20, results=tmp_path)
    before = content(tmp_path)
    calls.clear()
    monkeypatch.setattr(results_store, "RULES", 77)
    tv.replicate(FEW, "2c", replications=20, results=tmp_path)
    assert ranges(calls) == [(0, 20)]
    assert caplog.messages == [
        f"results of strategy '2c' by another version (rules-{RULES}) are not used: this is rules-77"
    ]
    assert before.items() <= content(tmp_path).items(), "they are left for those who have that version"
    caplog.clear()
    tv.replicate(FEW, "2c", replications=20, results=tmp_path)
    assert caplog.messages == [], "nothing is missing now"


def test_logarithms_differ_between_versions_of_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for startup in ("uniform(2, 6)", "exponential(4)"):
        tv.replicate(FEW, "2c", tv.Scenario(startup_time=startup), replications=5, results=tmp_path)
    monkeypatch.setattr("numpy.__version__", "99.0")
    for startup in ("uniform(2, 6)", "exponential(4)"):
        tv.replicate(FEW, "2c", tv.Scenario(startup_time=startup), replications=5, results=tmp_path)
    (message,) = caplog.messages
    assert f"numpy-{NUMPY}" in message
    assert "numpy-99.0" in message


RULES, NUMPY = results_store.RULES, np.__version__


def test_a_change_of_results_has_another_version() -> None:
    """When the file of hashes is written again, the rules have changed: raise RULES, and add the new hash."""
    versions = {1: "39fc246d9e4d0a75", 2: "993d92cbd985c49b", 3: "feb80e3b6f5adee9"}
    versions[4] = versions[3]  # it differs for hooks that count videos being encoded, which no pinned world has
    assert hashlib.sha256(PINNED.read_bytes()).hexdigest()[:16] == versions[results_store.RULES]


# -- strategies and distributions of one's own -------------------------------------------------------------

OWN = """
import numpy as np
import tv2sim as tv

LIMIT = {limit}

def can_wait(video):
    return video.publication_timeout >= LIMIT

class Patient(tv.Strategy):
    def owns_publisher(self, video):
        return can_wait(video)
    def start_moment(self, video):
        return "encoding_started" if self.owns_publisher(video) else super().start_moment(video)

class Two(tv.Distribution):
    mean = 3.0
    def __init__(self, high):
        self.high = high
    def quantile(self, u):
        return np.where(u < {share}, 2.0, self.high)
"""


def own(limit: int = 6, share: float = 0.5, *, above: str = "") -> Callable[[float], Any]:
    """Return what makes a strategy and a scenario of classes that a user might write."""
    names: dict[str, Any] = {"__name__": "users"}
    exec(above + OWN.format(limit=limit, share=share), names)
    return lambda high: (names["Patient"](prewarmed=2), tv.Scenario(startup_time=names["Two"](high)))


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        (own(above="# moved down\n\n\n")(4.0), 0),
        (own(limit=5)(4.0), 1),
        (own(share=0.6)(4.0), 1),
        (own()(4.5), 1),
    ],
    ids=["moved", "a variable", "a constant", "a field"],
)
def test_own_classes_are_known_by_their_code(
    changed: tuple[Any, Any], count: int, tmp_path: Path, calls: list[Call], caplog: pytest.LogCaptureFixture
) -> None:
    tv.replicate(FEW, *own()(4.0), replications=20, results=tmp_path)
    calls.clear()
    reps = tv.replicate(FEW, *changed, replications=20, results=tmp_path)
    assert len(calls) == count
    assert caplog.messages == []
    same(reps, tv.replicate(FEW, *changed, replications=20))


LOCK = threading.Lock()


class Reads(tv.Strategy):
    def start_delay(self, video: tv.Video) -> float:
        return float(LOCK.locked())


class Imports(tv.Strategy):
    def start_delay(self, video: tv.Video) -> float:
        from tests.helpers import worlds

        return float(len(worlds.__all__))


@pytest.mark.parametrize("kind", [Reads, Imports])
def test_what_cannot_be_told_apart_is_not_kept(
    kind: type[tv.Strategy], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    strategy = kind("mine", starts_on="encoded", dedicated=True)
    reps = tv.replicate(FEW, strategy, replications=5, results=tmp_path)
    same(reps, tv.replicate(FEW, strategy, replications=5))
    (message,) = caplog.messages
    assert message.startswith("results of strategy 'mine' are not kept: they depend on ")
    assert files(tmp_path) == []


@dataclass(frozen=True)
class Fields(tv.Strategy):
    share: float = 0.5
    names: frozenset[str] = frozenset({"a", "b", "c"})

    @property
    def half(self) -> float:
        return self.share / 2

    @staticmethod
    def twice(value: float) -> float:
        return 2 * value

    def start_delay(self, video: tv.Video) -> float:
        return sum(self.twice(self.half) for name in self.names if name in {"a", "x", "y"})


def test_the_same_code_has_the_same_text_in_another_process() -> None:
    code = (
        "from tests.experiments.test_results_store import Fields; "
        "from tv2sim.experiments.results_store import Description; d = Description(); d.add(Fields()); print(d)"
    )
    tv.replicate(FEW, Fields(starts_on="encoded"), replications=50)  # Python specialises code that is in use
    here = Description()
    here.add(Fields())
    assert here.own
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.removesuffix("\n") == str(here)


@pytest.mark.parametrize(
    ("usual", "changed"),
    [
        ("def f(x): return x + 1", "def f(x): return x + 2"),
        ("def f(x): return x + 1", "def f(x): return x - 1"),
        ("def f(x, by=1): return x + by", "def f(x, by=2): return x + by"),
        ("def f(x, *, by=1): return x + by", "def f(x, *, by=2): return x + by"),
        ("def f(x): return [lambda: y + 1 for y in x]", "def f(x): return [lambda: y + 2 for y in x]"),
        (
            "k = 1\ndef f(x): return [lambda: y + k for y in x]",
            "k = 2\ndef f(x): return [lambda: y + k for y in x]",
        ),
        ("def g(by): return lambda x: x + by\nf = g(1)", "def g(by): return lambda x: x + by\nf = g(2)"),
        ("class A: k = 1\ndef f(x): return A.k", "class A: k = 2\ndef f(x): return A.k"),
        ("import math\ndef f(x): return math.sin(x)", "import math\ndef f(x): return math.cos(x)"),
        (
            "def f(x): from math import sin as g; return g(x)",
            "def f(x): from math import cos as g; return g(x)",
        ),
        ("names = {'a', 'b'}\ndef f(x): return x in names", "names = {'a', 'c'}\ndef f(x): return x in names"),
        ("def f(x): return f(x - 1) if x else 1", "def f(x): return f(x - 1) if x else 2"),
    ],
)
def test_a_change_of_code_is_another_text(usual: str, changed: str) -> None:
    def text(code: str) -> str:
        names: dict[str, Any] = {"__name__": "users"}
        exec(code, names)
        description = Description()
        description.add(names["f"])
        return str(description)

    assert text(usual) == text(f"# moved\n\n{usual}")
    assert text(usual) != text(changed)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [("def f(x): return 2 + x", True), ("# moved\n\ndef f(x): return 1 + x", False)],
)
def test_what_a_function_calls_in_an_imported_module_is_part_of_its_text(
    changed: str, differs: bool, tmp_path: Path
) -> None:
    def text(helper: str) -> str:
        (tmp_path / "a_helper_of_users.py").write_text(f"{helper}\n")
        (tmp_path / "a_user_s_module.py").write_text(
            "from a_helper_of_users import f\ndef g(x): return [f(one) for one in x]\n"
        )
        code = (
            "import a_user_s_module as own; from tv2sim.experiments.results_store import Description; "
            "d = Description(); d.add(own.g); print(d)"
        )
        path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
        env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout

    usual = text("def f(x): return 1 + x")
    assert (text(changed) != usual) is differs


def test_a_file_with_the_name_of_a_module_of_python_is_a_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "this.py").write_text("def f(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "this", raising=False)
    import this

    one, other = Description(), Description()
    one.add(this.f)  # type: ignore[attr-defined]
    assert one.own
    with pytest.raises(IndescribableError, match="this"):
        other.add(this)


# -- damage ------------------------------------------------------------------------------------------------

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-1],
    "head alone": lambda data: data[:65],
    "longer": lambda data: data + b"\0",
    "a bit": lambda data: data[:400] + bytes([data[400] ^ 1]) + data[401:],
    "a bit of the digest": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "something else": lambda data: b"\x80\n\n\n",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_simulated_again_and_said(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, calls: list[Call]
) -> None:
    tv.replicate(CATALOGUE, replications=75, engine="simpy", results=tmp_path)
    before = content(tmp_path)
    path = files(tmp_path)[1]
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    calls.clear()
    reps = tv.replicate(CATALOGUE, replications=75, engine="simpy", results=tmp_path)
    assert len(calls) == 1
    same(reps, tv.replicate(CATALOGUE, replications=75, engine="simpy"))
    assert caplog.messages == [f"{str(path)!r} is damaged, or was moved, and is not used"]
    assert content(tmp_path) == before


def test_a_file_from_elsewhere_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for seed in (1, 2):
        tv.replicate(CATALOGUE, replications=50, engine="simpy", seed=seed, results=tmp_path / str(seed))
    for one, other in zip(files(tmp_path / "1"), files(tmp_path / "2"), strict=True):
        one.write_bytes(other.read_bytes())
    reps = tv.replicate(CATALOGUE, replications=50, engine="simpy", results=tmp_path / "1")
    same(reps, tv.replicate(CATALOGUE, replications=50))
    (message,) = caplog.messages
    assert message.endswith("and is not used; nor is 1 other file of strategy '2c'")


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    tv.replicate(FEW, replications=5, results=tmp_path)
    (path,) = files(tmp_path)
    others = {name: path.with_name(name) for name in ("notes.txt", "0-5", ".new", ".old")}
    for other in others.values():
        other.write_bytes(b"?")
    os.utime(others["notes.txt"], (0, 0))
    os.utime(others[".old"], (0, 0))
    tv.replicate(FEW, replications=8, results=tmp_path)
    assert [name for name, other in others.items() if not other.exists()] == []


# -- folders that do not work ------------------------------------------------------------------------------


def full(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the disk be full after some files."""
    original, written = Path.write_bytes, iter(range(10**6))

    def write(path: Path, data: Any) -> int:
        if next(written) >= after:
            original(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)


def test_a_full_disk_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, calls: list[Call]
) -> None:
    plain = tv.compare(CATALOGUE, ["1", "2c"], replications=60, engine="simpy")
    with monkeypatch.context() as patch:
        full(patch, after=2)
        same_study(tv.compare(CATALOGUE, ["1", "2c"], replications=60, engine="simpy", results=tmp_path), plain)
    (message,) = caplog.messages
    assert message.startswith(f"cannot keep more results in {str(tmp_path)!r}: No space left on device (the ")
    assert len(files(tmp_path)) == 2, "no halves"
    calls.clear()
    same_study(tv.compare(CATALOGUE, ["1", "2c"], replications=60, engine="simpy", results=tmp_path), plain)
    assert len(calls) == 6 - 2


def test_the_command_says_so_and_prints_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("compare", SAMPLE, "--strategies", "1,2c", "--replications", 5)
    plain = tv2sim(*arguments)
    full(monkeypatch, after=0)
    result = tv2sim(*arguments, "--results", tmp_path / "kept")
    assert (result.status, result.out) == (0, plain.out)
    (line,) = set(result.err.splitlines()) - set(plain.err.splitlines())
    assert line.startswith("tv2sim: warning: cannot keep more results in ")


@pytest.mark.parametrize("where", ["a file", "in a file", "/proc/kept"])
def test_a_folder_that_cannot_be_is_known_before_the_simulation(
    where: str, tmp_path: Path, calls: list[Call]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    path = {"a file": file, "in a file": file / "kept"}.get(where, Path(where))
    with pytest.raises(tv.OutputError, match="cannot keep results in ") as caught:
        tv.replicate(FEW, replications=5, results=path)
    assert ("choose the name of a folder" in str(caught.value)) == (where == "a file")
    result = tv2sim("compare", SAMPLE, "--results", path)
    assert result.status == 2
    assert result.out == ""
    assert is_one_line(result.err.splitlines(keepends=True)[-1])
    assert file.read_text() == "mine"
    assert calls == []


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[Call]
) -> None:
    def refuse(*_: Any, **__: Any) -> Iterator[None]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(tv.OutputError, match=r"cannot keep results in '.*': Permission denied"):
        tv.replicate(FEW, replications=5, results=tmp_path)
    assert calls == []


@pytest.mark.parametrize("results", [5, b"x", ["a"]])
def test_what_is_no_path(results: Any) -> None:
    with pytest.raises(tv.InputError, match="results must be the path of a folder, not"):
        tv.replicate(FEW, replications=5, results=results)


# -- killed ------------------------------------------------------------------------------------------------

MANY = {"simpy": 500, "kernel": 150_000}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("engine", ENGINES)
def test_killed_and_resumed_the_table_has_the_same_bytes(engine: str, tmp_path: Path) -> None:
    arguments = (
        "compare", FILE, "--strategies", "2c", "--replications", MANY[engine], "--engine", engine,
        "--format", "csv",
    )  # fmt: skip
    folder, killed = tmp_path / "kept", 0
    for more in (1, 2, 1):
        before = len(files(folder))
        process = start(*arguments, "--results", folder, stderr=None)
        while process.poll() is None and len(files(folder)) < before + more:
            time.sleep(0.002)
        killed += process.poll() is None
        process.kill()
        process.communicate()
    assert killed >= 2, "it was under way"
    resumed = tv2sim(*arguments, "--results", folder)
    assert resumed.status == 0
    assert resumed.out == tv2sim(*arguments).out
    assert resumed.out == tv2sim(*arguments, "--results", folder).out


def test_two_at_a_time_do_no_harm(tmp_path: Path) -> None:
    arguments = ("compare", FILE, "--strategies", "1,2c", "--replications", 150, "--engine", "simpy")
    both = [start(*arguments, "--results", tmp_path, "--format", "csv") for _ in range(2)]
    outs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    expected = tv2sim(*arguments, "--format", "csv").out.encode()
    assert [out for out, _ in outs] == [expected, expected]
    assert len(files(tmp_path)) == 2 * 150 // 25
    assert tv2sim(*arguments, "--results", tmp_path, "--format", "csv").out.encode() == expected


@pytest.fixture(autouse=True)
def _all_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "tv2sim.results")
