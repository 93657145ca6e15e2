"""Set up what all tests need."""

from __future__ import annotations

import os
import signal
import threading

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let the width of whoever runs the tests not matter, and signals not be ignored in tests' processes.

    A shell's background ignores Ctrl-C, and nohup the end of the terminal; processes inherit this. A handler of
    one's own is not inherited: what the tests start has the default.
    """
    os.environ.pop("COLUMNS", None)
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # xdist's workers are started by a process that goes on ignoring it, so that the tests outlive the terminal
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup and runs_tests and signal.getsignal(hangup) is signal.SIG_IGN:
        signal.signal(hangup, lambda number, frame: None)
