"""Set up what all tests need."""

from __future__ import annotations

import signal
import threading


def pytest_configure() -> None:
    """Let processes that tests start obey Ctrl-C, though the tests may run in a shell's background."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
