"""Gaps between clusters, and what closes them."""
