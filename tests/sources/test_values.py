"""The values that come out of the sources, and what is made of them."""

from __future__ import annotations

import pandas as pd
import pytest

from clustermap.errors import AlignmentError, InputError
from clustermap.sources import read_boundaries, read_firms, read_lookup
from clustermap.sources.dissolving import dissolve


@pytest.fixture
def lookup():
    return read_lookup(
        pd.DataFrame(
            {
                "area": ["E37000001", "E37000002", "E37000002", "E37000003"],
                "authority": ["x", "x", "y", "y"],
                "name": ["X", "X", "Y", "Y"],
            }
        )
    )


def test_areas_join_into_overlapping_authorities(squares, lookup):
    whole = dissolve(read_boundaries(squares), lookup)
    assert whole.names.to_dict() == {"x": "X", "y": "Y"}
    assert whole.frame.geometry.area.tolist() == [2e8, 2e8]
    assert whole.frame.geometry["x"].intersection(whole.frame.geometry["y"]).area == 1e8
    assert whole.ledger.n("in no authority") == 1
    assert (whole.ledger.n_in, whole.ledger.set_aside) == (4, 1)


def test_areas_of_another_vintage_cannot_be_joined(squares):
    other = read_lookup(pd.DataFrame({"area": ["E37000099"], "authority": ["x"]}))
    with pytest.raises(AlignmentError, match="CM-ALIGN-004"):
        dissolve(read_boundaries(squares), other)


def test_a_lookup_is_extended_and_its_shares_stay_whole(lookup):
    more = lookup.extended(pd.DataFrame({"area": ["E37000003", "E37000001"], "authority": ["x", "x"]}))
    shares = more.frame.groupby("area")["share"].agg(list).to_dict()
    assert shares == {"E37000001": [1.0], "E37000002": [0.5, 0.5], "E37000003": [0.5, 0.5]}
    assert "1 membership was added" in more.notes[-1]
    with pytest.raises(InputError, match="CM-LOOKUP-010"):
        lookup.extended(pd.DataFrame({"area": ["E37000003"], "authority": ["z"]}))


def test_values_say_what_they_are(squares, lookup):
    assert repr(read_boundaries(squares)) == "<Areas: 4 lep 2017>"
    assert "3 areas in 2 authorities; 1 lies in several." in lookup._repr_html_()
    firms = read_firms(pd.DataFrame({"id": ["a"], "lat": [51.7], "lon": [-1.2]}))
    assert repr(firms) == "<Firms: 1 located, 0 set aside, unknown>"
    assert firms.summary().startswith("1 firm (location: unknown).")
