"""Areas in authorities: series, lookups and polygons say the same, and what says nothing is refused."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from clustermap.errors import ClusterMapError
from clustermap.sources.values import Lookup
from clustermap.tables.shares import NOBODY, as_authorities, authority_shares
from clustermap.testing import make_region

LABELS = pd.Index(list("abc"))


def test_a_series_is_a_lookup_and_an_area_named_twice_lies_in_both():
    lookup = as_authorities(pd.Series(["W", "E", "E", "E", None], index=["a", "a", "b", "b", "c"]))
    shares = lookup.frame.set_index(["area", "authority"])["share"]
    assert shares.to_dict() == {("a", "W"): 0.5, ("a", "E"): 0.5, ("b", "E"): 1.0}
    found = authority_shares(LABELS, lookup, areas=None, overlap="fractional")
    assert found.frame.set_index("area").loc["c", "authority"] == NOBODY
    assert found.frame.groupby("area")["share"].sum().tolist() == [1, 1, 1]
    assert "1 of 3 areas lies in several" in found.rule


@pytest.mark.parametrize(
    ("overlap", "shares"), [("fractional", [0.5, 0.5]), ("full", [1.0, 1.0]), ("primary", [1.0])]
)
def test_the_rule_decides_what_becomes_of_an_area_in_two(overlap, shares):
    lookup = as_authorities(pd.Series(["W", "E", "E"], index=["a", "a", "b"]))
    found = authority_shares(LABELS, lookup, areas=None, overlap=overlap).frame
    assert found.loc[found["area"] == "a", "share"].tolist() == shares


def test_polygons_and_lookup_agree_and_pass_through():
    region = make_region(seed=2)
    assert as_authorities(region.lookup) is region.lookup
    assert as_authorities(region.authorities) is region.authorities
    labels = region.areas.frame.index
    frames = [
        authority_shares(labels, as_authorities(a), areas=region.areas, overlap="fractional").frame
        for a in (region.authorities, region.authorities.frame, region.lookup)
    ]
    for other in frames[1:]:
        pd.testing.assert_frame_equal(frames[0], other, check_dtype=False)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: as_authorities([1, 2]), "CM-CROSS-001"),
        (lambda: as_authorities(pd.Series({"a": None})), "CM-CROSS-002"),
        (lambda: authority_shares(LABELS, {"a": "W"}, areas=None, overlap="fractional"), "CM-CROSS-001"),
        (lambda: authority_shares(LABELS, _west(), areas=None, overlap="most"), "CM-CROSS-001"),
        (lambda: authority_shares(pd.Index(["z"]), _west(), areas=None, overlap="full"), "CM-CROSS-002"),
        (
            lambda: authority_shares(LABELS, make_region(seed=1).authorities, areas=None, overlap="full"),
            "CM-CROSS-003",
        ),
    ],
)
def test_what_says_nothing_is_refused(call, code):
    with pytest.raises(ClusterMapError, match=code):
        call()


def _west():
    return Lookup(frame=pd.DataFrame({"area": ["a"], "authority": ["W"], "name": ["West"], "share": [1.0]}))


def test_polygons_in_another_system_are_refused():
    region = make_region(seed=1)
    moved = region.authorities.frame.to_crs("EPSG:2154")
    with pytest.raises(ClusterMapError, match="CM-CRS-010"):
        authority_shares(
            region.areas.frame.index,
            replace(region.authorities, frame=moved),
            areas=region.areas,
            overlap="fractional",
        )


def test_polygons_that_lie_elsewhere_leave_every_area_to_nobody():
    region = make_region(seed=1)
    away = region.authorities.frame.assign(geometry=region.authorities.frame.translate(1e6))
    far = replace(region.authorities, frame=away)
    found = authority_shares(region.areas.frame.index, far, areas=region.areas, overlap="fractional").frame
    assert (found["authority"] == NOBODY).all()
    assert (found["share"] == 1).all()
