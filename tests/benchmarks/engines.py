"""How fast are the engines? ``python -m tests.benchmarks.engines [--quick] [--write docs/performance.md]``.

Every row is a way to simulate a world many times, draws included. All rows are measured in turn, round by
round, in CPU time, and a row's ratio to idiomatic SimPy is that of the same round. What takes a process of its
own (a first call, memory, the command) is measured between the rounds. Ciw and Cimba are in the extra `bench`;
rows of what is not installed are left out. It needs Linux, which says how much memory a process has.
``--write`` writes the page of documentation from all that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tv2sim as tv
from tests.benchmarks import idiomatic
from tests.benchmarks.scale import forget_peak, status
from tests.helpers.worlds import Delayed, EarliestDeadline
from tv2sim.engines.choice import explained
from tv2sim.strategies import as_strategy

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "data" / "catalogue.jsonl"
PAGE = Path(__file__).with_name("performance.md")
TWO = ("published", "idle")
PEERS = ("ciw", "cimba")


class Plan(NamedTuple):
    """How much is measured.

    Attributes
    ----------
    rounds, seconds
        How often each row is measured, and about how long each time.
    every : int
        What has a process of its own is measured in one of so many rounds.
    videos, most_videos, replications, compared
        The sizes of large runs, of many replications, and of the comparison by the command.
    """

    rounds: int
    seconds: float
    every: int
    videos: int
    most_videos: int
    replications: int
    compared: int


FULL = Plan(15, 0.3, 5, 1_000_000, 10_000_000, 1_000_000, 10_000)
QUICK = Plan(2, 0.02, 2, 50_000, 100_000, 20_000, 300)


# -- the rows ----------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A way to simulate a world.

    Attributes
    ----------
    engine, world : str
        What simulates what.
    simulate : callable
        Simulates so many replications with a seed; returns how many videos each published.
    against : {"1", "2c"}
        The part in idiomatic SimPy that it is held against.
    least, goal : int
        The ratios that are asked for; 0: none.
    kernel : str
        Which of the kernels simulates.
    same : bool
        Whether it is that part itself, and must publish as many videos in the mean.
    lacks : str
        What it does not do as the model does.
    package : str
        What has to be installed.
    """

    engine: str
    world: str
    simulate: Callable[[int, int], NDArray[np.float64]]
    against: str = "2c"
    least: int = 0
    goal: int = 0
    kernel: str = ""
    same: bool = False
    lacks: str = ""
    package: str = "simpy"


class DelayedDeadline(Delayed, EarliestDeadline):
    """Publishers are started some time after the moment, and the earliest deadline is served first."""


SHARED: Sequence[tuple[str, type[tv.Strategy]]] = (
    ("first in, first out", tv.Strategy),
    ("first in, first out, delayed", Delayed),
    ("by deadline", EarliestDeadline),
    ("by deadline, delayed", DelayedDeadline),
)
"""Publishers for all videos, started when encoding starts."""
BUILT_IN = ("advance", "advance:0", "just in time", "just in time:4", "slack aware", "slack aware:8")
"""Strategies without feedback."""
SMALL_QUEUE = tv.Scenario(publishing_queue_capacity=3)
CUT_OFF = tv.Scenario(until=60)
DAY = tv.Profile([(0, 2.0), (30, 3.0), (50, 1.0)], period=60)
WIDE: Sequence[tuple[str, str, int, dict[str, Any]]] = (
    ("1", "publishing times", 300, {"publishing_time": "exponential(1)"}),
    ("2c", "publishing times", 300, {"publishing_time": "exponential(1)"}),
    ("1", "Poisson arrivals", 300, {"arrivals": "poisson"}),
    ("2c", "Poisson arrivals", 300, {"arrivals": "poisson"}),
    ("2c", "a profile", 300, {"requests_per_second": DAY}),
    ("2c", "Poisson arrivals under a profile", 300, {"requests_per_second": DAY, "arrivals": "poisson"}),
    ("2c", "no encoding stage, Poisson arrivals", 300, {"encoders": None, "arrivals": "poisson"}),
    ("2c", "speeds", 80, {"encoders": [1] * 5 + [2] * 5}),
    ("2c", "factors", 80, {"encoding_factor": "uniform(0.5, 1.5)"}),
    ("2c", "a quota of 12", 80, {"max_publishers": 12}),
    ("2c", "a provisioning delay", 80, {"provisioning_delay": 1}),
    ("1", "start-ups that fail", 80, {"faults": tv.Faults(startup=0.1)}),
    ("2c", "start-ups that fail", 80, {"faults": tv.Faults(startup=0.1)}),
    (
        "2c", "all of that", 80,
        {
            "publishing_time": "exponential(1)", "arrivals": "poisson", "requests_per_second": DAY,
            "encoders": [1] * 5 + [2] * 5, "encoding_factor": "uniform(0.5, 1.5)", "deadline": "assigned",
            "max_publishers": 20, "provisioning_delay": 0.5,
            "faults": tv.Faults(startup=0.1, noticed_after=1),
        },
    ),
)  # fmt: skip
"""Parts in the wider world, each with the ratio that is asked for."""


def rows() -> list[Row]:
    """Return all rows, also those of what is not installed."""
    catalogue = _catalogue()
    return [*_in_simpy(catalogue), *_peers(catalogue), *_compiled(catalogue)]


def _in_simpy(catalogue: tv.Catalogue) -> Iterator[Row]:
    for part in ("1", "2c"):
        yield Row("idiomatic SimPy", f"part {part}", _idiomatic(catalogue, part), part, same=True)
    for part in ("1", "2c"):
        simulate = _replicating(catalogue, tv.STRATEGIES[part], tv.Scenario(), TWO, "simpy")
        yield Row("SimPy model", f"part {part}", simulate, part, same=True)


PARTS = {part: tv.STRATEGIES[part] for part in ("1", "2a", "2b", "2c")}


def _peers(catalogue: tv.Catalogue) -> Iterator[Row]:
    random_order = (
        "takes simultaneous events in random order, not in that of the model: 152.29 ± 0.02 published videos "
        "in 5,000 replications"
    )
    for package in PEERS:
        for part in ("1", "2c"):
            lacks = random_order if (package, part) == ("ciw", "2c") else ""
            simulate = _peer(catalogue, package, part)
            yield Row(package.title(), f"part {part}", simulate, part, same=True, lacks=lacks, package=package)


def _compiled(catalogue: tv.Catalogue) -> Iterator[Row]:
    def row(
        world: str,
        strategy: tv.Strategy,
        least: int,
        goal: int,
        *,
        scenario: tv.Scenario | None = None,
        metrics: Any = TWO,
        part: str = "",
    ) -> Row:
        scenario = scenario or tv.Scenario()
        simulate = _replicating(catalogue, strategy, scenario, metrics, "kernel")
        kernel, _ = explained(catalogue, strategy, scenario)
        against = "1" if strategy.name in ("1", "2a", "2b") else "2c"
        return Row("kernel", world, simulate, against, least, goal, kernel, part == against, package="numba")

    for part, strategy in PARTS.items():
        limits = (2500, 5000) if part == "2c" else (2500, 4000)
        yield row(f"part {part}", strategy, *limits, part=part)
    for part, strategy in PARTS.items():
        limits = (600, 1500) if part == "2c" else (0, 0)
        yield row(f"part {part}, all metrics", strategy, *limits, metrics="all", part=part)
    for name, kind in SHARED:
        strategy = kind(name, starts_on="encoding_started")
        yield row(f"shared, {name}", strategy, 300, 450)
    for name in BUILT_IN:
        yield row(name, as_strategy(name), 300, 0)
    pool = tv.PART_2C.replace(name="2c:8", prewarmed=8)
    by_deadline = EarliestDeadline("by deadline", starts_on="encoding_started")
    yield row("part 2c with a pool of 8, queue for 3", pool, 80, 130, scenario=SMALL_QUEUE)
    yield row("shared, by deadline, queue for 3", by_deadline, 80, 130, scenario=SMALL_QUEUE)
    yield row("part 2c, cut off at 60 s", tv.PART_2C, 80, 130, scenario=CUT_OFF)
    yield row("shared, by deadline, cut off at 60 s", by_deadline, 80, 130, scenario=CUT_OFF)
    for part, what, least, added in WIDE:
        yield row(f"part {part}, {what}", tv.STRATEGIES[part], least, 0, scenario=tv.Scenario(**added))


def _idiomatic(catalogue: tv.Catalogue, part: str) -> Callable[[int, int], NDArray[np.float64]]:
    encoding_time, timeout = catalogue.encoding_time.tolist(), catalogue.publication_timeout.tolist()
    videos = len(catalogue)

    def simulate(replications: int, seed: int) -> NDArray[np.float64]:
        random = np.random.default_rng(seed)
        counts = np.empty(replications)
        for replication in range(replications):
            startups = random.uniform(2, 6, videos + 10).tolist()
            if part == "1":
                found = idiomatic.simulate_part_1(encoding_time, timeout, startups[:videos])
            else:
                found = idiomatic.simulate(encoding_time, timeout, startups[:videos], startups[videos:])
            counts[replication] = sum(row[-1] for row in found)
        return counts

    return simulate


def _peer(catalogue: tv.Catalogue, package: str, part: str) -> Callable[[int, int], NDArray[np.float64]]:
    def simulate(replications: int, seed: int) -> NDArray[np.float64]:
        return _published_by(package)(part, catalogue, replications, seed)

    return simulate


def _published_by(package: str) -> Callable[..., NDArray[np.float64]]:
    module = import_module(f"tests.benchmarks.in_{package}")
    published: Callable[..., NDArray[np.float64]] = module.published
    return published


def _replicating(
    catalogue: tv.Catalogue, strategy: tv.Strategy, scenario: tv.Scenario, metrics: Any, engine: Any
) -> Callable[[int, int], NDArray[np.float64]]:
    def simulate(replications: int, seed: int) -> NDArray[np.float64]:
        reps = tv.replicate(
            catalogue, strategy, scenario, replications=replications, seed=seed, engine=engine, metrics=metrics,
            workers=1, progress=False,
        )  # fmt: skip
        return reps.values("published")

    return simulate


# -- measuring the rows ------------------------------------------------------------------------------------


@dataclass
class Measured:
    """Figures of a row, one for each round, and the numbers of published videos in it."""

    row: Row
    replications: int
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    published: list[tuple[int, float, float]] = field(default_factory=list)
    """How many replications, the sum of their numbers of published videos, and that of the squares."""

    def size(self) -> int:
        return sum(count for count, _, _ in self.published)

    def mean(self) -> float:
        return sum(total for _, total, _ in self.published) / self.size()

    def variance(self) -> float:
        return sum(squares for _, _, squares in self.published) / self.size() - self.mean() ** 2


def _prepared(row: Row, seconds: float) -> Measured:
    """Compile what a row needs, and find how many replications take so long."""
    _timed(row, 2, 0)
    count, took = 1, 0.0
    # in half of that time, what every call takes once is a small part
    while took < seconds / 2 and count < 1_000_000:
        count *= 4
        took, _ = _timed(row, count, 0)
    return Measured(row, max(2, round(count * seconds / took)))


def _timed(row: Row, replications: int, seed: int) -> tuple[float, NDArray[np.float64]]:
    """Return CPU seconds and what the row published; a peer has a process of its own.

    So its memory, threads and compiled code do not affect the rows that come after it.
    """
    call = partial(row.simulate, replications, seed)
    if row.package not in PEERS:
        return _cpu(call)
    part = row.world.removeprefix("part ")
    answer: tuple[float, NDArray[np.float64]] = (
        _process_of(row.package).submit(_timed_peer, row.package, part, replications, seed).result()
    )
    return answer


@cache
def _process_of(package: str) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _timed_peer(package: str, part: str, replications: int, seed: int) -> tuple[float, NDArray[np.float64]]:
    return _cpu(partial(_peer(_catalogue(), package, part), replications, seed))


@cache
def _catalogue() -> tv.Catalogue:
    return tv.generate_catalogue()


def _cpu(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    answer = call()
    return time.process_time() - start, answer


def _round(measured: Sequence[Measured], seed: int) -> None:
    """Measure each row once, in an order that is turned round each time."""
    for each in measured[:: 1 if seed % 2 else -1]:
        seconds, published = _timed(each.row, each.replications, seed)
        each.seconds.append(seconds / each.replications)
        # no dot product: the threads of a BLAS library go on waiting for more while the next row is measured
        each.published.append((len(published), float(published.sum()), float(np.square(published).sum())))
    base = {each.row.against: each.seconds[-1] for each in measured if each.row.engine == "idiomatic SimPy"}
    for each in measured:
        each.ratios.append(base[each.row.against] / each.seconds[-1])


def disagreement(each: Measured, all_measured: Sequence[Measured]) -> str:
    """Say so if a row does not publish as many videos in the mean as the kernel.

    They agree if they differ by no more than four standard errors.
    """
    reference = next(
        other for other in all_measured
        if other.row.engine == "kernel" and other.row.same and other.row.against == each.row.against
    )  # fmt: skip
    difference = each.mean() - reference.mean()
    error = (reference.variance() * (1 / each.size() + 1 / reference.size())) ** 0.5
    if not each.row.same or abs(difference) <= 4 * error:
        return ""
    return f"publishes {difference:+.3f} videos against the kernel (standard error {error:.3f})"


# -- measuring what has a process of its own ---------------------------------------------------------------


class Figure(NamedTuple):
    """Something else that is measured: its name, unit and limit."""

    name: str
    unit: str
    limit: str = ""


def figures(plan: Plan) -> list[Figure]:
    """Return what :func:`_others` measures, in its order."""
    return [
        Figure("two threads against one, part 2c, wall", "times", "at least 1.7"),
        Figure(f"one run of {plan.videos:,} videos in part 2c, published and idle", "s", "at most 0.2"),
        Figure(f"one run of {plan.videos:,} videos in part 2c, all facts", "s", "at most 0.2"),
        Figure("of which the operating system's, which provides the memory", "s"),
        Figure(f"one run of {plan.most_videos:,} videos in part 2c, published and idle", "s", "at most 3"),
        Figure("its memory, beside the catalogue", "MB", "at most 1,500"),
        Figure("peak memory of its process, with the catalogue", "MB"),
        Figure(f"{plan.replications:,} replications of part 2c, published and idle", "s"),
        Figure("peak memory of their process", "MB", "at most 500"),
        Figure(f"{plan.replications:,} replications of part 2c, all metrics", "s"),
        Figure("peak memory of that process", "MB", "at most 500"),
        Figure("a first call in a new process, compiled before", "s", "at most 1"),
        Figure(f"tv2sim compare of four parts, {plan.compared:,} replications each, report", "s", "at most 6"),
    ]


def _others(plan: Plan) -> list[float]:
    two = ",".join(TWO)
    metrics_only, most = _child("videos", plan.videos, two), _child("videos", plan.most_videos, two)
    facts = _child("videos", plan.videos, "facts")
    few, many = _child("replications", plan.replications, two), _child("replications", plan.replications, "all")
    return [
        _two_threads(plan),
        metrics_only["seconds"], facts["seconds"], facts["system"],
        most["seconds"], most["added"], most["peak"],
        few["seconds"], few["peak"],
        many["seconds"], many["peak"],
        _first_call("kernel") - _first_call("simpy"),
        _comparison(plan.compared),
    ]  # fmt: skip


def _two_threads(plan: Plan) -> float:
    catalogue = tv.generate_catalogue()
    walls = []
    for workers in (1, 2):
        start = time.perf_counter()
        tv.replicate(
            catalogue, "2c", replications=plan.replications, engine="kernel", metrics=TWO, workers=workers,
            progress=False,
        )  # fmt: skip
        walls.append(time.perf_counter() - start)
    return walls[0] / walls[1]


def _child(what: str, size: int, metrics: str) -> dict[str, float]:
    """Measure something in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.engines", "--one", what, str(size), metrics]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def one(what: str, size: str, metrics: str) -> None:
    """Print CPU time and the system's part of it, the memory that was added, and the peak of this process."""
    count = int(size)
    wanted: Any = "all" if metrics == "all" else metrics.split(",")

    def call(catalogue: tv.Catalogue, replications: int) -> Any:
        if metrics == "facts":
            return tv.simulate(catalogue, "2c", engine="kernel")
        return tv.replicate(
            catalogue, "2c", replications=replications, engine="kernel", metrics=wanted, workers=1,
            progress=False,
        )  # fmt: skip

    if what == "videos":
        call(tv.generate_catalogue(30_000), 1)  # more than lanes take
        catalogue, replications = tv.generate_catalogue(count), 1
    else:
        catalogue, replications = tv.generate_catalogue(), count
        call(catalogue, 100)
    whole = status("VmHWM")
    before, system = forget_peak(), os.times().system
    seconds, _ = _cpu(lambda: call(catalogue, replications))
    now, system = status("VmHWM"), os.times().system - system
    print(json.dumps({"seconds": seconds, "system": system, "added": now - before, "peak": max(now, whole)}))


def _first_call(engine: str) -> float:
    """Return the CPU time of a process that simulates once."""
    code = (
        "import tv2sim as tv; tv.replicate(tv.generate_catalogue(), '2c', replications=1, "
        f"metrics=('published', 'idle'), engine='{engine}')"
    )
    return _cpu_of([sys.executable, "-c", code])


def _comparison(replications: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tv2sim", "compare", str(CATALOGUE)]
        command += ["--replications", str(replications), "--report", str(Path(folder) / "report.html")]
        return _cpu_of(command)


def _cpu_of(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# -- the tables --------------------------------------------------------------------------------------------

HEADS = ("engine", "world", "kernel", "µs", "ratio", "at least", "goal", "published")


def row_cells(row: Row, each: Measured | None) -> list[str]:
    """Return the cells of a row, in the order of :data:`HEADS`."""
    asked = [f"{number:,}" if number else "" for number in (row.least, row.goal)]
    if each is None:
        return [row.engine, row.world, row.kernel, "not installed", "", *asked, ""]
    time_, ratio = ([1e6 * second for second in each.seconds], each.ratios)
    error = (each.variance() / each.size()) ** 0.5
    published = f"{each.mean():.2f} ± {error:.2g}"
    return [row.engine, row.world, row.kernel, _spread(time_), _spread(ratio), *asked, published]


def _spread(numbers: Sequence[float]) -> str:
    """Return the median with its quartiles."""
    low, middle, high = (
        statistics.quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else 3 * [*numbers]
    )
    return f"{_short(middle)} ({_short(low)} to {_short(high)})"


def _short(number: float) -> str:
    """Return a number with three digits that count, or as a whole one."""
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:#.3g}".rstrip(".")


def text_table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in
             (heads, *cells)]  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)


def page_table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _features() -> str:
    """Return the table of what not every part of the kernel knows."""
    from tv2sim.engines.kernel.routing import FEATURES, KERNELS

    cells = [[text, *("yes" if name in known else "" for name in KERNELS)] for text, _, known in FEATURES]
    return page_table(("a world has", *KERNELS), cells)


def notes(measured: Sequence[Measured]) -> list[str]:
    """Return what rows lack, and where they do not agree."""
    return [
        f"{each.row.engine}, {each.row.world}: {text}."
        for each in measured
        for text in (each.row.lacks, disagreement(each, measured))
        if text
    ]


def machine() -> str:
    """Return what it was measured on."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    processors = len(os.sched_getaffinity(0))
    packages = [
        f"{name} {version(name)}" for name in ("numpy", "numba", "simpy", "ciw", "cimba") if find_spec(name)
    ]
    model = names[0] if names else platform.machine()
    return f"{processors} processors ({model}), Python {platform.python_version()}, {', '.join(packages)}"


# -- the run -----------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write the page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.engines")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: under a minute")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page of documentation")
    options = parser.parse_args(arguments)
    if find_spec("numba") is None:
        parser.exit(1, "this needs numba: pip install 'tv2sim[fast]'\n")
    plan = QUICK if options.quick else FULL
    everything = rows()
    measured = [_prepared(row, plan.seconds) for row in everything if find_spec(row.package)]
    _first_call("kernel")  # so that its functions are in the cache
    others: list[list[float]] = []
    for number in range(plan.rounds):
        _round(measured, seed=number + 1)
        if number % plan.every == 0:
            others.append(_others(plan))
    by_row = {(each.row.engine, each.row.world): each for each in measured}
    cells = [row_cells(row, by_row.get((row.engine, row.world))) for row in everything]
    second = [
        [figure.name, f"{_spread(values)} {figure.unit}", figure.limit]
        for figure, values in zip(figures(plan), zip(*others, strict=True), strict=True)
    ]
    heads = ("measured", "median (quartiles)", "limit")
    print(f"{plan.rounds} rounds; {machine()}; ratios to idiomatic SimPy\n")
    print(text_table(HEADS, [line for line in cells if "not installed" not in line]))
    print("\n".join(["", *notes(measured), ""]))
    print(text_table(heads, second))
    if options.write:
        page = Template(PAGE.read_text(encoding="utf-8")).substitute(
            features=_features(),
            machine=machine(),
            rounds=plan.rounds,
            rows=page_table(HEADS, cells),
            notes="\n".join(f"- {note}" for note in notes(measured)),
            others=page_table(heads, second),
        )
        options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main()
