"""What simulates: SimPy processes, a compiled kernel, and the choice between them."""
