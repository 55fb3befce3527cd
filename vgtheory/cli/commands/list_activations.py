"""`vgtheory list`: the catalogue of activations."""

from __future__ import annotations


def list_activations() -> None:
    """List the catalogue of activations with their formulas, parameters and references."""
    from vgtheory.cli.screen import print_list

    print_list()
