"""Pages that draw in a browser."""
