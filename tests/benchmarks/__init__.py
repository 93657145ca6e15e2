"""Benchmarks, run on demand: ``python -m tests.benchmarks.model`` and the like."""
