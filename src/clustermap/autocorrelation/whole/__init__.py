"""Statistics of the whole map."""
