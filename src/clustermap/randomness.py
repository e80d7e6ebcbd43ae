"""Generators keyed by what they are for, never by worker or row position."""

from __future__ import annotations

import hashlib
import operator
import secrets

import numpy as np

from clustermap.errors import OptionError

__all__ = ["new_seed", "resolve_seed", "stream"]

_SEED_BITS = 63


def new_seed() -> int:
    """Draw a fresh seed that can be recorded and used again."""
    return secrets.randbits(_SEED_BITS)


def resolve_seed(seed: int | None) -> int:
    """Return the seed given, or draw one where it is None, so that every result records its seed.

    Raises
    ------
    OptionError
        CM-SEED-001: the seed is no whole number.
    """
    if seed is None:
        return new_seed()
    try:
        return operator.index(seed)
    except TypeError as error:
        raise OptionError(
            "CM-SEED-001",
            f"seed={seed!r} is no whole number",
            why="a rounded seed would not be the one that the result records",
            fix="seed=7, or seed=None to have one drawn and recorded",
        ) from error


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """Return the generator of one purpose: the same key gives the same draws everywhere.

    Parameters
    ----------
    seed : int
        The user's seed.
    *key : str or int
        What the draws are for, for instance ``("local-moran", block)``.

    Examples
    --------
    >>> bool(stream(7, "scan", 0).random() == stream(7, "scan", 0).random())
    True
    """
    digest = hashlib.sha256("\x1f".join([str(seed), *map(str, key)]).encode()).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest[:16], dtype="<u8")))
