"""The one door to numba: cached where possible, plain Python with a warning where numba is absent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from clustermap.errors import ClusterMapWarning

__all__ = ["HAVE_NUMBA", "compiled", "prange"]

F = TypeVar("F", bound=Callable[..., Any])

prange: Any = range
_njit: Any = None
try:
    import numba

    _njit, prange = numba.njit, numba.prange
    HAVE_NUMBA = True
except ImportError:  # pragma: no cover - the fallback is tested in a process without numba
    HAVE_NUMBA = False
    warnings.warn(
        "[CM-NUMBA-001] numba is not here: the same answers come from plain Python, many times slower. "
        "Install it with: pip install numba",
        ClusterMapWarning,
        stacklevel=2,
    )


def compiled(*signatures: str, parallel: bool = False) -> Callable[[F], F]:
    """Compile a kernel, with an on-disk cache wherever one can be written.

    Parameters
    ----------
    *signatures : str
        Explicit numba signatures; none compiles at first call.
    parallel : bool
        Use `prange` loops. Each iteration must own its output, so that the answer is the same for any
        number of threads.
    """

    def door(function: F) -> F:
        if not HAVE_NUMBA:  # pragma: no cover - see above
            return function
        options: dict[str, Any] = {"nogil": True, "parallel": parallel, "error_model": "numpy"}
        signature = list(signatures) or None
        try:
            kernel: F = _njit(signature, cache=True, **options)(function)
        except RuntimeError:  # pragma: no cover - no cache folder can be written
            kernel = _njit(signature, cache=False, **options)(function)
        return kernel

    return door
