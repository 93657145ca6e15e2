"""Exact and approximate formulas for queues in the long run, and for the strategies of tv2sim.

Each function names its source and its conditions, and refuses with a sentence what it does not cover. For
strategies, one run is simulated to find the times of the encodings.

>>> import tv2sim as tv
>>> tv.queueing.on_time_probability(tv.generate_catalogue(), "2a").published
128.0
"""

from tv2sim.theory.bounds import FailedBound, failed_at_most, failed_bound
from tv2sim.theory.expected import AdvanceOrder, Expected, advance_order, classification, on_time_probability
from tv2sim.theory.proofs import Certificate, certificate
from tv2sim.theory.queue_formulas import (
    Wait,
    allen_cunneen,
    erlang_b,
    erlang_c,
    gi_m_s,
    index_of_dispersion,
    kiefer_wolfowitz,
    mms_wait,
    palm,
)

__all__ = [
    "AdvanceOrder", "Certificate", "Expected", "FailedBound", "Wait", "advance_order", "allen_cunneen",
    "certificate", "classification", "erlang_b", "erlang_c", "failed_at_most", "failed_bound", "gi_m_s",
    "index_of_dispersion", "kiefer_wolfowitz", "mms_wait", "on_time_probability", "palm",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
