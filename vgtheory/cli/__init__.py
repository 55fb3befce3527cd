"""The command line: `vgtheory report`, `derive`, `simulate`, `spectrum`, `list`."""

import gc
import sys

from vgtheory._door import lazy

# Python would look through all objects for circles at every 700 new ones, a seventh of a command's time; what a command
# loads and derives it keeps to its end.
COLLECTION = (50_000, 20, 100)

_load, _ = lazy(__name__, {"main": "vgtheory.cli.app:main"})


def main() -> None:
    """Run the command line and exit; Ctrl-C while it is being loaded ends it like later on, without a traceback."""
    gc.set_threshold(*COLLECTION)
    try:
        run = _load("main")
    except KeyboardInterrupt:
        print("vgtheory: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    run()


__all__ = ["main"]
