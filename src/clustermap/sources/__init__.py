"""The room's door."""
