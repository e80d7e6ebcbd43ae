"""Clusters of firms where they stand densely."""
