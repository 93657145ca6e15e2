"""What theory says of parts 1 and 2a: each video by its own draw, so that everything is a sum over videos.

Under part 1 a video is on time if and only if its publisher starts up within timeout - encoding time; under
part 2a if it does so within the timeout, and the encoding does as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import tv2sim as tv
from tv2sim.base.random_numbers import Purpose, uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIMEOUT_OF_6 = 6.0
"""The longest start-up time of the usual scenario, in seconds."""


class Moments(NamedTuple):
    """Exact means, and variances of the difference of both parts, of the number of published videos."""

    mean_1: float
    mean_2a: float
    unpaired: float
    paired: float


def limits(catalogue: tv.Catalogue) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the longest start-up time with which each video is on time under part 1, and under part 2a."""
    encoding, timeout = catalogue.encoding_time, catalogue.publication_timeout
    return timeout - encoding, np.where(encoding <= timeout, timeout, -1.0)


def moments(catalogue: tv.Catalogue) -> Moments:
    """Return the exact moments in the usual scenario, whose start-up times are uniform from 2 to 6 s."""
    p_1, p_2a = (np.clip((limit - 2) / 4, 0, 1) for limit in limits(catalogue))
    unpaired = p_1 * (1 - p_1) + p_2a * (1 - p_2a)
    covariance = np.minimum(p_1, p_2a) - p_1 * p_2a  # both by the same draw
    return Moments(
        float(p_1.sum()), float(p_2a.sum()), float(unpaired.sum()), float((unpaired - 2 * covariance).sum())
    )


def published(catalogue: tv.Catalogue, seed: int, replications: int) -> NDArray[np.int64]:
    """Return the published videos of each replication under part 1 (first row) and part 2a, without a model."""
    draws = np.array(
        [
            uniforms(seed, Purpose.STARTUP_FOR_VIDEO, replication, len(catalogue))
            for replication in range(replications)
        ]
    )
    startup_time = tv.Uniform(2, 6).quantile(draws)
    return np.array([np.count_nonzero(startup_time <= limit, axis=1) for limit in limits(catalogue)])
