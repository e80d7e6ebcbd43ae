"""The graph scan: connected sets of areas with more of a sector than the background allows."""
