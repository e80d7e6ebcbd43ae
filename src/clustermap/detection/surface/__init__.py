"""The relative-risk surface: where a sector's density exceeds that of all firms."""
