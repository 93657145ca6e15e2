"""Distributions of times, each by its quantile function, so that one uniform number is one time.

Every strategy and every engine turns the same uniforms into times by the same NumPy call: that is what makes
runs comparable and engines agree to the last bit.
"""

from tv2sim.distributions.base import Distribution
from tv2sim.distributions.kinds import Constant, Empirical, Exponential, Gamma, LogNormal, Triangular, Uniform
from tv2sim.distributions.notation import DISTRIBUTIONS, as_distribution, distribution_from_dict

__all__ = [
    "DISTRIBUTIONS",
    "Constant",
    "Distribution",
    "Empirical",
    "Exponential",
    "Gamma",
    "LogNormal",
    "Triangular",
    "Uniform",
    "as_distribution",
    "distribution_from_dict",
]
