"""Records of arrays and numbers that kernels hand on by address."""

import sys
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from vgtheory.kernels._jit import compiled, lent, lent_call
from vgtheory.kernels._records import Record, by_address


class Pair(NamedTuple):
    array: Any
    number: Any


def test_a_record_is_handed_on_by_its_address_and_read_by_name(tmp_path):
    @lent
    def rest(record, k):
        return record.array[k:]

    @lent_call
    def total(record, k):
        own = rest(record, k)
        result = 0.0
        for i in range(own.size):
            result += record.number * own[i]
            own[i] = -1.0
        return result

    @compiled("float64(float64[::1], float64, int64)", counted=False, directory=tmp_path)
    def whole(array, number, times):
        result = 0.0
        for k in range(times):  # each round has a record of its own
            result += total(by_address(Pair(array, number + k)), 1)
        return result

    array = np.arange(4.0)
    before = sys.getrefcount(array)
    assert whole(array, 10.0, 2) == 10.0 * (1 + 2 + 3) + 11.0 * -3
    np.testing.assert_array_equal(array, [0, -1, -1, -1])
    assert sys.getrefcount(array) == before
    (part,) = (made for made in total.overloads.values())
    assert isinstance(part.signature.args[0], Record)

    @compiled("float64(float64[::1])", counted=False)
    def misnamed(array):
        return by_address(Pair(array, 1.0)).length

    with pytest.raises(numba.TypingError, match="length"):
        misnamed(array)


def test_records_of_one_name_and_other_fields_are_told_apart():
    first, second = (NamedTuple("Pair", [(name, float) for name in names]) for names in (("a", "b"), ("b", "a")))

    @compiled("float64()", counted=False)
    def ordered():
        return by_address(first(1.0, 2.0)).a

    @compiled("float64()", counted=False)
    def turned():
        return by_address(second(1.0, 2.0)).a

    assert (ordered(), turned()) == (1.0, 2.0)
