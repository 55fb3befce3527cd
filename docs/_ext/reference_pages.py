"""A page for every public name, from its signature and docstring, and a page for every namespace."""

import inspect
from pathlib import Path
from typing import Any

from docstrings import restructured, summary
from names import NAMESPACES, Name, made_by, public


def write(folder: Path) -> None:
    """Write the pages."""
    names = public()
    links = {name.called.removeprefix("vg."): name.called for name in names}
    links |= {name.name: name.called for name in names if not name.namespace}
    for name in names:
        text = "\n".join(_page(name, names, links)) + "\n"
        write_page(folder / "names" / f"{name.called}.rst", text)
    remove_others(folder / "names", {f"{name.called}.rst" for name in names})
    for namespace in NAMESPACES:
        write_page(
            folder / f"{namespace or 'vg'}.md", _namespace(namespace, [n for n in names if n.namespace == namespace])
        )


def remove_others(folder: Path, kept: set[str]) -> None:
    """Remove pages of a folder that a former build wrote of what has gone since."""
    for path in folder.glob("*"):
        if path.name not in kept:
            path.unlink()


def write_page(path: Path, text: str) -> None:
    """Write a page, unless it is as it was: then it is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def _namespace(namespace: str, names: list[Name]) -> str:
    _, sentence = NAMESPACES[namespace]
    title = f"vg.{namespace}" if namespace else "vg"
    rows = [f"| {{py:obj}}`{n.called}` | {summary(n.doc)} |" for n in names]
    entries = [f"names/{n.called}" for n in names]
    toctree = ["```{toctree}", ":hidden:", "", *entries, "```", ""]
    return "\n".join([f"# {title}", "", sentence, "", "| name | |", "|---|---|", *rows, "", *toctree])


def _page(name: Name, others: list[Name], links: dict[str, str]) -> list[str]:
    title = name.called
    lines = [title, "=" * len(title), ""]
    value = name.value
    if inspect.isclass(value):
        lines += _declared("class", name.called, _signature(value), restructured(name.doc, links))
        if makers := made_by(name, others):
            lines += ["", "Made by " + ", ".join(f":py:obj:`{maker.called}`" for maker in makers) + ".", ""]
        for member, attribute in sorted(vars(value).items()):
            lines += _member(name.called, member, attribute, links)
    elif inspect.isroutine(value):
        lines += _declared("function", name.called, _signature(value), restructured(name.doc, links))
    else:
        lines += _declared("data", name.called, "", restructured(name.doc, links))
        for member, attribute in sorted(vars(type(value)).items()):
            lines += _member(name.called, member, attribute, links)
    return lines


def _member(owner: str, member: str, attribute: Any, links: dict[str, str]) -> list[str]:
    if member.startswith("_"):
        return []
    plain = getattr(attribute, "__func__", attribute)
    if isinstance(attribute, property) or type(attribute).__name__ == "cached_property":
        return _declared("property", f"{owner}.{member}", "", restructured(attribute.__doc__ or "", links))
    if inspect.isfunction(plain):
        kind = "staticmethod" if isinstance(attribute, staticmethod) else "method"
        kind = "classmethod" if isinstance(attribute, classmethod) else kind
        doc = restructured(plain.__doc__ or "", links)
        return _declared(kind, f"{owner}.{member}", _signature(plain, kind != "staticmethod"), doc)
    return []


def _declared(kind: str, name: str, signature: str, doc: list[str]) -> list[str]:
    return ["", f".. py:{kind}:: {name}{signature}", "", *(f"   {line}" if line else "" for line in doc), ""]


def _signature(value: Any, bound: bool = False) -> str:
    """Return names and defaults of the parameters; what they mean, and their types, is said in the text."""
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return "()"
    if bound and parameters:
        del parameters[0]
    plain = [p.replace(annotation=inspect.Parameter.empty, default=_default(p.default)) for p in parameters]
    return str(inspect.Signature(plain))


class _Shown:
    """A default as it is written."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _default(value: Any) -> Any:
    empty = value is inspect.Parameter.empty or isinstance(value, (int, float, str, type(None)))
    return value if empty else _Shown("...")
