"""Formulas, bounds and proofs that need no simulation, and the verification of the engines against them."""
