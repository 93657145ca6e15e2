"""The smallest pool, or the cheapest strategy, that meets a target: with a guarantee."""

from tv2sim.experiments.planning.plan import Plan, plan

__all__ = ["Plan", "plan"]
