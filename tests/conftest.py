"""Set up what all tests need."""

from __future__ import annotations

import os
import signal
import threading


def pytest_configure() -> None:
    """Let the width of whoever runs the tests not matter, and processes obey Ctrl-C in a shell's background."""
    os.environ.pop("COLUMNS", None)
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
