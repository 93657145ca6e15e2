"""Verification: whether the engines simulate what theory says."""

from tv2sim.verification.verify import Verification, verify

__all__ = ["Verification", "verify"]
