"""Economies without any specialisation: how often a quotient's p finds one. Written down before the first run.

500 economies each; a rate is the share of all areas of all economies. Counts are whole, so an exact two-sided test
rejects less than 5 %: how often is worked out by enumeration under the law that makes the economies, and the rate
must agree with it within four standard errors of the mean over economies (areas of one economy are not independent).
The binomial p takes the area's total as free: where labels are shuffled over firms it is conservative by
√(1 − x_·s/X), and by how much is worked out as well.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clustermap.inference import adjust
from clustermap.measures import location_quotient
from clustermap.tables.table import SectorTable

# each sector is a world of its own: together they hold more than their areas
pytestmark = [pytest.mark.validity, pytest.mark.filterwarnings("ignore:.CM-TABLE-024")]

MAPS, AREAS, LEVEL, SEED, ERRORS = 500, 60, 0.05, 20_261_127, 4.0
FAMILY_MAPS, FAMILY_HIGHEST = 200, 0.105  # 99.9 % interval of 200 tries at 5 %: up to 10.5 %
WORLDS = {
    "rare": (6_000, 60),
    "middling": (6_000, 900),
    "common": (12_000, 4_800),
}  # firms of all, of the sector


def economy(world, seed):
    """Return area sizes, and the sector's counts in many economies whose labels are shuffled over all firms."""
    firms, sector = WORLDS[world]
    rng = np.random.default_rng([seed, list(WORLDS).index(world)])
    size = rng.multinomial(firms - 5 * AREAS, rng.dirichlet(np.full(AREAS, 2.0))) + 5
    return size, sector, rng.multivariate_hypergeometric(size, sector, size=MAPS)


def measured(size, total, counts, law):
    codes = [f"A{i:02d}" for i in range(AREAS)]
    frame = pd.DataFrame(counts.T, index=codes, columns=[f"m{i:03d}" for i in range(len(counts))])
    table = SectorTable.from_values(frame, area_totals=pd.Series(size, index=codes))
    assert (table.sector_totals == total).all()
    return location_quotient(table, law=law, correction="none", cells="all").wide("p").to_numpy()


def exact_size(size, firms, total, law, made_by):
    """Return by area how often p is at most 5 %, by enumeration."""
    out = []
    for n in size:
        x = np.arange(min(n, total) + 1 if made_by == "shuffled" else total + 1)
        test = stats.binom(total, n / firms) if law == "binomial" else stats.hypergeom(firms, total, n)
        truth = stats.hypergeom(firms, total, n) if made_by == "shuffled" else stats.binom(total, n / firms)
        p = np.minimum(1, 2 * np.minimum(test.cdf(x), test.sf(x - 1)))
        out.append(truth.pmf(x)[p <= LEVEL].sum())
    return np.array(out)


def agrees(p, wanted):
    rates = (p <= LEVEL).mean(axis=0)
    error = rates.std(ddof=1) / np.sqrt(len(rates))
    return abs(rates.mean() - wanted.mean()) <= ERRORS * error


@pytest.mark.parametrize("law", ["binomial", "hypergeometric"])
@pytest.mark.parametrize("world", list(WORLDS))
def test_p_rejects_as_often_as_its_exact_law_allows(world, law):
    size, total, counts = economy(world, SEED)
    p = measured(size, total, counts, law)
    wanted = exact_size(size, WORLDS[world][0], total, law, "shuffled")
    assert agrees(p, wanted)
    assert wanted.max() <= LEVEL * (1 + 1e-9)


def test_the_binomial_is_exact_where_firms_choose_their_area_one_by_one():
    rng = np.random.default_rng(SEED + 1)
    size = rng.multinomial(5_000, rng.dirichlet(np.full(AREAS, 2.0))) + 5
    counts = rng.multinomial(400, size / size.sum(), size=MAPS)
    p = measured(size, 400, counts, "binomial")
    assert agrees(p, exact_size(size, size.sum(), 400, "binomial", "placed"))


def test_the_binomial_is_conservative_as_its_variance_says():
    """With two fifths of all firms in the sector it rejects about 1.1 %, where the hypergeometric rejects 4 to 5 %."""
    size, total, _ = economy("common", SEED)
    firms = WORLDS["common"][0]
    large = size[size * total / firms > 60]
    wanted = 2 * stats.norm.sf(1.96 / np.sqrt(1 - total / firms))
    assert abs(exact_size(large, firms, total, "binomial", "shuffled").mean() - wanted) < 0.003
    assert 0.035 < exact_size(large, firms, total, "hypergeometric", "shuffled").mean() <= 0.05


@pytest.mark.parametrize("law", ["binomial", "hypergeometric"])
@pytest.mark.parametrize("world", list(WORLDS))
def test_family_error_after_fdr(world, law):
    """An economy without specialisation shows any in at most 5 % of cases, up to sampling error."""
    size, total, counts = economy(world, SEED + 2)
    p = measured(size, total, counts[:FAMILY_MAPS], law)
    wrong = sum(bool((adjust(p[:, m], "fdr_bh") <= LEVEL).any()) for m in range(FAMILY_MAPS))
    assert wrong / FAMILY_MAPS <= FAMILY_HIGHEST
