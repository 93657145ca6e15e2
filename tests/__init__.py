"""The tests of tv2sim."""
