"""The door: every public name is listed, and nothing else is there."""

import pytest

import vgtheory as vg


def test_every_public_name_is_listed():
    assert set(vg.__all__) <= set(dir(vg))


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = vg.nonsense
