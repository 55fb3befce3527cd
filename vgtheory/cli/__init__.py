"""The command line: `vgtheory report`, `derive`, `simulate`, `spectrum`, `list`."""

from vgtheory.cli.app import main

__all__ = ["main"]
