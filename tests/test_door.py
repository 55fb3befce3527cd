"""The door: every public name is listed, and nothing else is there."""

import pytest

import vgtheory as vg


def test_every_public_name_is_listed():
    assert set(vg.__all__) <= set(dir(vg))


def test_every_public_name_resolves():
    for name in vg.__all__:
        assert getattr(vg, name) is not None


def test_a_star_import_brings_every_name():
    names: dict[str, object] = {}
    exec("from vgtheory import *", names)  # noqa: S102 - the statement is what is tested
    assert set(vg.__all__) <= set(names)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = vg.nonsense
