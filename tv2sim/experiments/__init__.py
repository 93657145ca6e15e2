"""Runs, replications, comparisons, plans and what is concluded from them."""
