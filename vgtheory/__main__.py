"""`python -m vgtheory` is the `vgtheory` command."""

from vgtheory.cli import main

if __name__ == "__main__":
    main()
