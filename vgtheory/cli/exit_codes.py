"""What the command says to the shell that called it."""

DONE, UNHEALTHY, REFUSED = 0, 1, 2
INTERRUPTED = 130  # what a shell reports after Ctrl-C; typer's own return value for it too

EXIT_CODES = {
    DONE: "done",
    UNHEALTHY: "`inspect --check` found no healthy gradient, or `doctor` something that does not work",
    REFUSED: "refused, with one line that says why and what to do: nothing is written",
    INTERRUPTED: "interrupted by Ctrl-C: what is finished is kept where `--checkpoint` says, nothing half-written is",
}


class Interruption(Exception):
    """Ctrl-C, with what is kept in words."""
