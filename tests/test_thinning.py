"""What a thinned matrix leaves to the default suite, the slow one, and a release."""

import pytest

from tests.thinning import thinned


def _place(row):
    return next((mark.name for mark in row.marks if mark.name in ("slow", "exhaustive")), "default")


@pytest.mark.parametrize("every", [2, 3, 6])
def test_a_start_of_its_own_moves_the_rows_and_all_starts_together_ask_each_of_them(every):
    rows = range(12 * every)
    places = [[_place(row) for row in thinned(rows, every, start)] for start in range(every)]
    for found in places:
        assert found.count("default") == 12
        assert found.count("slow") == 6
    assert all([found[k] for found in places].count("default") == 1 for k in rows)


def test_a_row_keeps_its_marks_its_name_and_its_values():
    first, second = thinned([pytest.param(1, 2, marks=pytest.mark.timeout(5), id="one"), (3, 4)], 2)
    assert (first.values, first.id, [mark.name for mark in first.marks]) == ((1, 2), "one", ["timeout"])
    assert (second.values, _place(second)) == ((3, 4), "slow")
