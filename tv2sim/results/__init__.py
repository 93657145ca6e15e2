"""What a run gives: facts, events, levels, tables and metrics. Knows no engine."""
