"""Intervals, paired differences, stopping rules and quantiles."""
