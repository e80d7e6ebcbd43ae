"""Own value × mean of the neighbours: local Moran, of one variable or of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustermap.autocorrelation.draws import threaded
from clustermap.autocorrelation.local import kernels
from clustermap.autocorrelation.local.parts import Part, row_weights, tested

if TYPE_CHECKING:
    from clustermap.autocorrelation.variables import Group
    from clustermap.schema import Transformation

__all__ = ["moran_part"]

HH, LL, HL, LH = range(4)
_QUADRANTS = np.array([LL, LH, HL, HH], dtype=np.int8)  # by own and neighbours' sign


def moran_part(group: Group, beside: Group, transformation: Transformation) -> Part:
    """Compute z × mean of the neighbours' z, of the variables of one group with those of another (or itself)."""
    row, shape = row_weights(group, transformation), group.z.shape
    weights = np.empty(0) if row.weights is None else row.weights
    links = (group.indptr, group.indices.astype(np.int32), weights, row.share, _QUADRANTS)
    sums, lag, statistic = (np.empty(shape) for _ in range(3))
    quadrant = np.empty(shape, dtype=np.int8)
    falls, certain = (np.empty(shape, dtype=bool) for _ in range(2))

    def compute(s: int) -> None:
        filled = (sums[s], lag[s], statistic[s], quadrant[s], falls[s], certain[s])
        kernels.moran(group.z[s], beside.z[s], beside.values[s], *links, *filled)

    list(threaded(compute, range(shape[0]), work=shape[0] * len(group.indices)))
    return Part(
        group=group,
        statistic=statistic,
        lag=lag,
        pool=beside.z,
        own=group.z,
        observed=sums,
        row=row,
        kind=kernels.SUM,
        moving=kernels.PRODUCT if beside is group else kernels.SUM,
        classes=(quadrant, quadrant),
        tested=tested(group, shape[0]),
        falls=falls,  # a large statistic is a large lag above the mean, a small one below
        certain=certain,
    )
