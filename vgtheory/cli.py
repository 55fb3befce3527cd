"""The command line: `vgtheory report`, `derive`, `simulate`, `spectrum`, `list`."""
