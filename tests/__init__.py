"""The tests: micro-scenarios by hand, an executable specification, properties, bad input, documentation."""
