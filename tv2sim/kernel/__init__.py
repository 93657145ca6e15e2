"""The rules of the model, compiled: the same facts, for many replications."""
