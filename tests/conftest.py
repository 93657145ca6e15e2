"""Set up what all tests need."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest
from hypothesis import settings

from tests.helpers.sizes import SHARE


def pytest_configure(config: pytest.Config) -> None:
    """Let the width of whoever runs the tests not matter, and signals not be ignored in tests' processes.

    A shell's background ignores Ctrl-C, and nohup the end of the terminal; processes inherit this. A handler of
    one's own is not inherited: what the tests start has the default.
    """
    os.environ.pop("COLUMNS", None)
    # hundreds of processes are started, each of which would compile what it imports again
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if "not full" not in config.option.markexpr:
        os.environ[SHARE] = "0.5" if "not slow" in config.option.markexpr else "1"
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # xdist's workers are started by a process that goes on ignoring it, so that the tests outlive the terminal
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup and runs_tests and signal.getsignal(hangup) is signal.SIG_IGN:
        signal.signal(hangup, lambda number, frame: None)


# a busy machine makes an example take long, which is no defect; each run tries the same examples
settings.register_profile("tv2sim", deadline=None, derandomize=True)
settings.load_profile("tv2sim")

_FIRST = "test_strategies_by_hand.py"
"""The file that calls most of the compiled functions. One worker compiles them while the others run tests that
need none: two that compile the same function at a time would take twice the time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests begin with the file whose functions take long to compile."""
    items.sort(key=lambda item: item.path.name != _FIRST)


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the charts out of a report where words and tables are looked at: they take most of its time."""
    from tv2sim.report.charts import Chart

    chart = Chart("<svg></svg>", "", narrow=True, light=False)
    monkeypatch.setattr("tv2sim.report.build.charts", lambda study, taken=None: [chart, chart])


@pytest.fixture(autouse=True)
def _compiled_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "auto" choose as where all kernels have been compiled, whatever the machine's cache holds."""
    monkeypatch.setattr("tv2sim.engines.choice._not_compiled", lambda *world: {})
