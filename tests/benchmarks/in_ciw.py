"""Parts 1 and 2c as networks of queues in Ciw (in the extra `bench`), with its own draws.

Three nodes: the client, whose service time is the gap and which is blocked until an encoder is free; encoders;
and publishers. In part 2c a server of the last node is a place in the pool and the start-up time its service
time: ten customers that are no videos keep them busy from time 0, and a video is published when its service
begins. In part 1 there are servers for all, and it is published when its service ends.
"""

from __future__ import annotations

from math import inf

import ciw
import numpy as np
from numpy.typing import NDArray

import tv2sim as tv

__all__ = ["published"]


def published(part: str, catalogue: tv.Catalogue, replications: int, seed: int) -> NDArray[np.float64]:
    """Return the number of published videos of each replication."""
    videos, pool = len(catalogue), 10 if part == "2c" else 0
    timeouts = catalogue.publication_timeout.tolist()
    at_once = ciw.dists.Sequential([0, inf])
    network = ciw.create_network(
        arrival_distributions=[at_once, None, at_once if pool else None],
        batching_distributions=[ciw.dists.Deterministic(size) for size in (videos, 1, pool or 1)],
        service_distributions=[
            ciw.dists.Sequential([0.0] + [0.5] * (videos - 1)),
            ciw.dists.Sequential(catalogue.encoding_time.tolist()),
            ciw.dists.Uniform(2.0, 6.0),
        ],
        number_of_servers=[1, 10, pool or inf],
        queue_capacities=[inf, 0, 100],
        routing=[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
    )
    ciw.seed(seed)
    counts = np.empty(replications)
    for replication in range(replications):
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_customers(videos + pool)
        counts[replication] = _on_time(simulation, timeouts, at_start=part == "2c")
    return counts


def _on_time(simulation: ciw.Simulation, timeouts: list[float], *, at_start: bool) -> int:
    videos = [person for person in simulation.get_all_individuals() if len(person.data_records) == 3]
    videos.sort(key=lambda person: person.data_records[1].service_start_date)
    elapsed = []
    for person in videos:
        _, encoding, publishing = person.data_records
        end = publishing.service_start_date if at_start else publishing.service_end_date
        elapsed.append(end - encoding.service_start_date)
    return sum(time <= timeout for time, timeout in zip(elapsed, timeouts, strict=True))
