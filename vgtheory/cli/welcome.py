"""What `vgtheory` alone prints: what can be asked, and how."""

from vgtheory.cli.console import say, table
from vgtheory.cli.examples import EXAMPLES


def print_welcome() -> None:
    """Print every command's question with a line that can be typed."""
    say("Will the gradient of this deep network vanish or explode, why, and what has to change?")
    say("")
    table(("you ask", "you type"), ((example.question, example.line) for example in EXAMPLES.values()))
    say("")
    say("An activation is a name or a formula; the name of a block stands where an activation may.")
    say("`vgtheory COMMAND --help` shows the options, `vgtheory --install-completion` completes them,")
    say("and --json prints what a command says for programs.")
