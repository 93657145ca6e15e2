"""What theory knows exactly, or nearly: of queues in the long run, and of the strategies here.

Each function names its source and its conditions, and refuses with a sentence what it does not cover. Of the
strategies, nothing is simulated but the times of the encodings, once.

>>> import tv2sim as tv
>>> tv.queueing.on_time_probability(tv.generate_catalogue(), "2a").published
128.0
"""

from tv2sim.theory.advance import AdvanceOrder, advance_order
from tv2sim.theory.bound import FailedBound, failed_bound
from tv2sim.theory.by_video import Expected
from tv2sim.theory.ceiling import failed_at_most
from tv2sim.theory.certificates import Certificate, certificate
from tv2sim.theory.dedicated import classification, on_time_probability
from tv2sim.theory.steady import Wait, allen_cunneen, erlang_b, erlang_c, gi_m_s, mms_wait, palm
from tv2sim.theory.waits import index_of_dispersion, kiefer_wolfowitz

__all__ = [
    "AdvanceOrder", "Certificate", "Expected", "FailedBound", "Wait", "advance_order", "allen_cunneen",
    "certificate", "classification", "erlang_b", "erlang_c", "failed_at_most", "failed_bound", "gi_m_s",
    "index_of_dispersion", "kiefer_wolfowitz", "mms_wait", "on_time_probability", "palm",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
