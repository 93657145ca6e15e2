"""What the environment may say instead of an option, as in the original; options win."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tv2sim.errors import InputError

if TYPE_CHECKING:
    import argparse

__all__ = ["encoders", "keep_running", "port"]


def encoders(options: argparse.Namespace) -> int | None:
    """Return the number of encoders that the option or, without it, the environment's ENCODERS asks for.

    Raises
    ------
    InputError
        If the environment's value is no positive whole number.
    """
    if options.encoders is not None:
        return int(options.encoders)
    text = os.environ.get("ENCODERS")
    if text is None:
        return None
    if not re.fullmatch(r"\s*[0-9]{1,30}\s*", text) or int(text) < 1:
        raise InputError(f"the environment variable ENCODERS must be a positive whole number, not {text!r}")
    return int(text)


def port(options: argparse.Namespace) -> int | None:
    """Return the port to serve at, or None for none: the option's, else that of PORT, else 8080.

    Raises
    ------
    InputError
        If it is no number of a port.
    """
    if options.port is not None:
        text, what = options.port, "--port must be none or"
    else:
        text, what = os.environ.get("PORT", "8080"), "the environment variable PORT must be"
    if options.port is not None and text.lower() == "none":
        return None
    if not re.fullmatch(r"\s*[0-9]{1,30}\s*", text) or int(text) > 65535:
        raise InputError(f"{what} a whole number from 0 (any free port) to 65535, not {text!r}")
    return int(text)


def keep_running(options: argparse.Namespace) -> bool:
    """Return whether to stay up after the work: as the option says, else KEEP_RUNNING, else not.

    Raises
    ------
    InputError
        If the environment's value is neither yes nor no.
    """
    if options.keep_running is not None:
        return bool(options.keep_running)
    text = os.environ.get("KEEP_RUNNING", "")
    answers = {"yes": True, "true": True, "no": False, "false": False, "": False}
    answer = answers.get(text.strip().lower())
    if answer is None:
        raise InputError(
            f"the environment variable KEEP_RUNNING must be yes or true, or no or false, not {text!r}"
        )
    return answer
