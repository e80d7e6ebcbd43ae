"""Statistics of every area."""
