"""What each command answers, as a question, and a line that can be typed: for `vgtheory` alone and for every --help."""

from typing import NamedTuple


class Example(NamedTuple):
    """A question and the command that answers it."""

    question: str
    line: str

    @property
    def epilog(self) -> str:
        """Return what --help ends with; the mark keeps the line from being wrapped."""
        return f"\b\nExample: {self.question}\n  {self.line}"


EXAMPLES: dict[str, Example] = {
    name: Example(question, line)
    for name, question, line in (
        ("report", "everything about one network, as a page", "vgtheory report tanh --depth 100 --out tanh-report"),
        ("derive", "what is true of this activation?", "vgtheory derive 'x*exp(-x**2)'"),
        ("bounds", "what can be proved at this width and depth?", "vgtheory bounds sigmoid --sigma-w 3 --depth 100"),
        ("certify", "does it vanish for sure, however deep?", "vgtheory certify sigmoid --sigma-w 3 --latex proof.tex"),
        ("predict", "how large is the gradient in every layer?", "vgtheory predict gelu --width 256 --depth 50"),
        ("simulate", "what do real finite networks do?", "vgtheory simulate lstm --steps 100 --inputs fresh"),
        (
            "sweep",
            "and over a grid of scales, widths or depths?",
            "vgtheory sweep tanh --over sigma_w=1:2:11 --depth 50",
        ),
        ("spectrum", "which directions survive?", "vgtheory spectrum tanh --weights orthogonal --depth 50"),
        ("lyapunov", "how fast do they grow per layer?", "vgtheory lyapunov relu --width 64"),
        ("law", "what is this law of random matrices?", "vgtheory law marchenko_pastur --param ratio=0.5"),
        ("sample", "what do drawn matrices of an ensemble show?", "vgtheory sample goe --n 200"),
        ("phase", "where is order, where is chaos?", "vgtheory phase tanh --out phase.svg"),
        ("critical", "which σ_w keeps the size of the gradient?", "vgtheory critical tanh --sigma-b 0.05"),
        ("compare", "which of these activations is better here?", "vgtheory compare tanh relu gelu --depth 50"),
        ("advise", "what should I change?", "vgtheory advise sigmoid --depth 50 --init pytorch-default"),
        ("inspect", "what do these weights do?", "vgtheory inspect weights.safetensors --activation relu --skip 0"),
        ("capabilities", "which verb works for my network?", "vgtheory capabilities tanh --norm layer --skip 1"),
        ("cookbook", "which initialiser for which activation?", "vgtheory cookbook relu gelu --depth 50"),
        ("catalogue", "what is known of every activation?", "vgtheory catalogue --latex catalogue.tex"),
        ("list", "which names are there?", "vgtheory list"),
        ("doctor", "does everything work on this machine?", "vgtheory doctor"),
        ("warm", "can the first call be as fast as the second?", "vgtheory warm"),
    )
}
