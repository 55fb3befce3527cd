"""The command line: `vgtheory report`, `derive`, `simulate`, `spectrum`, `list`."""

import sys

from vgtheory._door import lazy

_load, _ = lazy(__name__, {"main": "vgtheory.cli.app:main"})


def main() -> None:
    """Run the command line and exit; Ctrl-C while it is being loaded ends it like later on, without a traceback."""
    try:
        run = _load("main")
    except KeyboardInterrupt:
        print("vgtheory: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    run()


__all__ = ["main"]
