"""Every public name of the package: its namespace, its object, where its page is."""

import inspect
from typing import Any, NamedTuple, get_args, get_type_hints

import vgtheory as vg

NAMESPACES = {
    "": (vg, "Everything that is called as `vg.name`."),
    "blocks": (vg.blocks, "What networks of blocks repeat."),
    "calculus": (vg.calculus, "What is true of an activation."),
    "meanfield": (vg.meanfield, "Mean field beyond fixed points."),
    "laws": (vg.laws, "Laws of random matrices as frozen distributions."),
    "ensembles": (vg.ensembles, "Random matrices, drawn by the cheapest exact model."),
    "plot": (vg.plot, "Figures in one style."),
    "export": (vg.export, "An activation for other programs."),
}


class Name(NamedTuple):
    """A public name."""

    namespace: str
    name: str
    value: Any

    @property
    def called(self) -> str:
        """Return it as a user types it."""
        return ".".join(filter(None, ("vg", self.namespace, self.name)))

    @property
    def doc(self) -> str:
        """Return its own docstring: of a value that is no function or class, its type's."""
        return inspect.getdoc(self.value) or ""


def public() -> list[Name]:
    """Return every public name; namespaces themselves are pages of their own."""
    found = []
    for namespace, (door, _) in NAMESPACES.items():
        found += [
            Name(namespace, name, getattr(door, name))
            for name in door.__all__
            if not inspect.ismodule(getattr(door, name))
        ]
    return found


def made_by(name: Name, others: list[Name]) -> list[Name]:
    """Return the public functions of a class's namespace whose answers are of this class, or of one below it."""
    if not inspect.isclass(name.value):
        return []
    return [
        other
        for other in others
        if other.namespace == name.namespace
        and inspect.isfunction(other.value)
        and any(inspect.isclass(kind) and issubclass(kind, name.value) for kind in _answers(other.value))
    ]


def _answers(function: Any) -> tuple[Any, ...]:
    try:
        answer = get_type_hints(function).get("return")
    except (NameError, TypeError):  # of names that only a type checker knows
        return ()
    return (answer, *get_args(answer))


def example(name: Name, others: list[Name]) -> str:
    """Return a docstring that shows the name in use: its own, or that of a function that makes one."""
    docs = [name.doc, *(other.doc for other in made_by(name, others))]
    return next((doc for doc in docs if ">>>" in doc), "")
