from __future__ import annotations

import pytest

from clustermap.progress import reporting


def test_a_callable_is_given_back_as_it_is():
    def mine(done, total):
        """Report nothing."""

    with reporting(mine, "scan") as report:
        assert report is mine


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_is_shown_unless_asked_for(progress, capsys):
    with reporting(progress, "scan") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


def test_true_shows_a_bar_that_follows(capsys):
    with reporting(True, "scan") as report:
        for done in (0, 3, 7, 10):
            report(done, 10)
            bar = next(cell.cell_contents for cell in report.__closure__)
            assert (bar.n, bar.total) == (done, 10)
    shown = capsys.readouterr()
    assert "scan" in shown.err
    assert shown.out == ""


def test_a_fault_in_the_work_is_not_hidden_by_the_bar():
    with pytest.raises(ZeroDivisionError), reporting(True, "scan"):
        raise ZeroDivisionError
