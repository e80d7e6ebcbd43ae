"""The one door to numba, and how many threads there are: cached where possible, plain Python without it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from clustermap.errors import ClusterMapWarning

__all__ = ["HAVE_NUMBA", "compiled", "one_thread_a_product", "workers"]

F = TypeVar("F", bound=Callable[..., Any])

_njit: Any = None
try:
    import numba

    _njit = numba.njit
    HAVE_NUMBA = True
except ImportError:  # pragma: no cover - the fallback is tested in a process without numba
    HAVE_NUMBA = False
    warnings.warn(
        "[CM-NUMBA-001] numba is not here: the same answers come from plain Python, many times slower. "
        "Install it with: pip install numba",
        ClusterMapWarning,
        stacklevel=2,
    )


def compiled(*signatures: str) -> Callable[[F], F]:
    """Compile a kernel, with an on-disk cache wherever one can be written.

    Parameters
    ----------
    *signatures : str
        Explicit numba signatures; none compiles at first call.
    """

    def door(function: F) -> F:
        if not HAVE_NUMBA:  # pragma: no cover - see above
            return function
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
        signature = list(signatures) or None
        try:
            kernel: F = _njit(signature, cache=True, **options)(function)
        except RuntimeError:  # pragma: no cover - no cache folder can be written
            kernel = _njit(signature, cache=False, **options)(function)
        return kernel

    return door


def workers() -> int:
    """Return how many threads may run; no answer depends on it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread_a_product() -> Iterator[None]:
    """Keep matrix products of NumPy and SciPy on one thread: small ones wait for each other on several.

    The setting is the process's own, and is what it was afterwards; their last digits then depend on no machine's
    number of cores.
    """
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(limits=1, user_api="blas"):
        yield
