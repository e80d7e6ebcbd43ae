"""What the checks found: why they had failed, and that it is mended."""

from __future__ import annotations

import calibration as c
import numpy as np
import pytest
import worlds

import clustermap as cm

pytestmark = pytest.mark.validity

MAPS = 100
THIN = list(worlds.THIN)
THICK = [i for i in range(worlds.N) if i // worlds.SIDE > 5 and i % worlds.SIDE > 5]


def _as_published(count, total):
    """Empirical Bayes with a variance between areas that may be below 0 (Assunção and Reis 1999; esda, spdep)."""
    overall = count.sum() / total.sum()
    between = (total * (count / total - overall) ** 2).sum() / total.sum() - overall / total.mean()
    variance = between + overall / total
    return (count / total - overall) / np.sqrt(np.where(variance > 0, variance, overall / total))


def test_well_populated_areas_do_not_outweigh_all_others_where_no_rate_differs():
    ours, published = [], []
    for m in range(MAPS):
        world = c.draw("local_moran_thin_corner", "rates_graded", m)
        frame = cm.local_moran(
            world.data, world.graph, sector="sector", permutations=99, correction="none", seed=m
        ).frame
        ours.append(frame["value"].to_numpy())
        counts = world.data.values["sector"].to_numpy(dtype=float)
        published.append(_as_published(counts, world.data.area_totals.to_numpy()))
    ours, published = np.array(ours), np.array(published)
    assert ours[:, THIN].std() == pytest.approx(1, abs=0.1)
    assert ours[:, THICK].std() == pytest.approx(0.9, abs=0.1)
    assert published[:, THICK].std() > 1.3
    assert np.abs(published).max() > 3 * np.abs(ours).max()
