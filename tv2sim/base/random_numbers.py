"""Random numbers that belong to an entity, whenever they are drawn.

A draw is a pure function of (seed, purpose, replication, entity, further). The function is the Philox-4x64-10
block cipher (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC'11) as NumPy has it:
the seed is its key, and (entity's block, replication, purpose, further) are the four words of its counter. Two
different draws never share a counter, so nothing that happens in a run, and no other run, changes a draw.
"""

from __future__ import annotations

import secrets
import threading
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_whole_number
from tv2sim.base.errors import InputError

_PER_BLOCK = 4
"""The numbers of one block of the cipher."""


class Purpose(IntEnum):
    """The purpose of a random number, which determines the entity that it belongs to.

    An event with a probability happens if its number is below the probability.
    """

    STARTUP_FOR_VIDEO = 0
    """Start-up time of a publisher started because of a video; entity: the video's row."""
    STARTUP_OF_SLOT = 1
    """Start-up time of a publisher prewarmed at time 0; entity: the pool slot."""
    STARTUP_WITHOUT_CAUSE = 2
    """Start-up time of any other publisher; entity: its running number among these."""
    PUBLISHING_TIME = 3
    """Publishing time; entity: the video; further: the attempts to publish it before this one."""
    PAUSE = 4
    """Exponential pause of the client before it offers a video; entity: this video."""
    ENCODING_FACTOR = 5
    """Factor of an encoding time; entity: the video; further: the encodings of it before this one."""
    STARTUP_FAILURE_FOR_VIDEO = 6
    """Whether a start-up fails; entity and further: those of STARTUP_FOR_VIDEO."""
    STARTUP_FAILURE_OF_SLOT = 7
    """Whether a start-up fails; entity and further: those of STARTUP_OF_SLOT."""
    STARTUP_FAILURE_WITHOUT_CAUSE = 8
    """Whether a start-up fails; entity and further: those of STARTUP_WITHOUT_CAUSE."""
    READY_LIFETIME_FOR_VIDEO = 9
    """Time for which a ready publisher lives; entity and further: those of STARTUP_FOR_VIDEO."""
    READY_LIFETIME_OF_SLOT = 10
    """Time for which a ready publisher lives; entity and further: those of STARTUP_OF_SLOT."""
    READY_LIFETIME_WITHOUT_CAUSE = 11
    """Time for which a ready publisher lives; entity and further: those of STARTUP_WITHOUT_CAUSE."""
    PUBLISHING_FAILURE = 12
    """Whether publishing fails; entity: the video; further: the attempts to publish it before this one."""
    ENCODER_LIFETIME = 13
    """Time until an encoder dies; entity: the encoder; further: its lives before this one."""
    ENCODER_REPAIR = 14
    """Time until a dead encoder is back; entity: the encoder; further: its deaths before this one."""
    LATENCY = 15
    """Time until a delivery is visible; entity: the video; further: its deliveries before this one."""
    LOSS = 16
    """Whether a delivery is lost; entity: the video; further: its deliveries before this one."""
    ACKNOWLEDGEMENT_LOSS = 17
    """Whether an acknowledgement is lost; entity: the video; further: its publications before this one."""
    MEASURED_TIME = 18
    """Which of the measured start-up times is drawn again; entity: its place in the resample, which has the
    place of the replication."""


def uniforms(
    seed: int, purpose: Purpose, replication: int, count: int, *, start: int = 0, further: int = 0
) -> NDArray[np.float64]:
    """Draw one number for each of the entities `start` to `start + count - 1`.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    purpose : Purpose
        The purpose of the numbers.
    replication : int
        0-based.
    count, start : int
        The entities.
    further : int
        0 for an entity's first draw of this purpose, 1 for its second, and so on.

    Returns
    -------
    numpy.ndarray
        float64 in the open interval (0, 1), on a grid of 2**-52, so that every quantile function is finite.

    Examples
    --------
    >>> several = uniforms(1, Purpose.STARTUP_OF_SLOT, 0, 5)
    >>> bool(several[4] == uniforms(1, Purpose.STARTUP_OF_SLOT, 0, 1, start=4)[0])
    True
    """
    block, skipped = divmod(start, _PER_BLOCK)
    _cipher.set(seed, [block, replication, int(purpose), further])
    raw = _cipher.philox.random_raw(skipped + count)[skipped:]
    return (raw >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53


class _Cipher(threading.local):
    """A block cipher for each thread, since a new one asks the operating system for entropy, which takes time.

    Invariant: key and counter are set before each use, so a draw depends on no other.
    """

    def __init__(self) -> None:
        self.philox = np.random.Philox(0)
        self._state: Any = self.philox.state  # with an empty buffer
        self._state["state"]["key"][1] = 0

    def set(self, key: int, counter: list[int]) -> None:
        """Set the key and the counter."""
        words = self._state["state"]
        words["key"][0], words["counter"][:] = key, counter
        self.philox.state = self._state


_cipher = _Cipher()


def as_seed(seed: object) -> int:
    """Return a valid seed; None draws one from the operating system, to be recorded by the caller.

    Raises
    ------
    InputError
        If it is not a whole number from 0 to 2**64 - 1.
    """
    if seed is None:
        return secrets.randbits(32)
    return a_whole_number("seed, if not None,", seed, at_least=0, at_most=2**64 - 1, error=InputError)


def as_replication(replication: object) -> int:
    """Return a valid number of a replication.

    Raises
    ------
    InputError
        If it is not a whole number from 0 to 2**63 - 1.
    """
    return a_whole_number("replication", replication, at_least=0, at_most=2**63 - 1, error=InputError)
