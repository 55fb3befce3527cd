"""numpydoc docstrings as reStructuredText: names with their meaning, references to public names as links."""

import inspect
import re
import textwrap
from collections.abc import Iterator

_SECTION = re.compile(r"^(Parameters|Returns|Raises|Attributes|Examples|Notes|References|Yields)\n-+\n", re.MULTILINE)
_CODE = re.compile(r"``(.+?)``|:[a-z:]+:`~?([^`]+)`|`([^`\n]+)`(?!_)|(?<![\w*])\*([^*\s][^*\n]*)\*(?![\w*])", re.DOTALL)
_ITEM = re.compile(r"^(?=\S)(?P<name>[^\n]+?) : (?P<text>.*(?:\n(?:[ \t]+.*|(?=\n)))*)", re.MULTILINE)


def restructured(doc: str, public: dict[str, str], level: str = "") -> list[str]:
    """Return the lines of a docstring; `public` maps the names that link to their places."""
    parts = _SECTION.split(inspect.cleandoc(doc))
    lines = _text(parts[0], public)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        lines += ["", f".. rubric:: {title}", ""]
        lines += (
            _items(body, public) if title in ("Parameters", "Raises", "Attributes", "Returns") else _text(body, public)
        )
    return lines


def summary(doc: str) -> str:
    """Return the first sentence of a docstring as one line of Markdown."""
    first = inspect.cleandoc(doc).partition("\n\n")[0].replace("\n", " ")
    first = re.sub(r":[a-z:]+:`~?([^`]+)`", r"`\1`", first).replace("``", "`")
    return "`".join(part if k % 2 else _markdown(part) for k, part in enumerate(first.split("`")))


def _markdown(text: str) -> str:
    return re.sub(r"([\\*_|<$\[\]])", r"\\\1", text)


def _items(body: str, public: dict[str, str]) -> list[str]:
    """Return a list of names with their meaning, or the text where it is no such list."""
    if not _ITEM.match(body):
        return _text(body, public)
    lines = []
    end = 0
    for item in _ITEM.finditer(body):
        lines += _text(body[end : item.start()].strip("\n"), public)
        end = item.end()
        lines += [_names(item["name"]), *(f"    {line}" for line in _text(_dedented(item["text"]), public)), ""]
    return lines + _text(body[end:].strip("\n"), public)


def _dedented(text: str) -> str:
    """Return the text of an item with its further lines moved to the left, lists inside of it kept."""
    first, _, rest = text.partition("\n")
    return "\n".join([first.strip(), textwrap.dedent(rest)])


def _names(names: str) -> str:
    return ", ".join(f"``{name.strip()}``" for name in names.split(","))


def _text(text: str, public: dict[str, str]) -> list[str]:
    """Return paragraphs: prose with its signs escaped, examples and indented blocks as they are."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.lstrip().startswith(">>>"):
            lines += ["", *inspect.cleandoc(block).split("\n")]
        elif block.startswith("    "):
            lines += ["", "::", "", *block.split("\n")]
        elif block.startswith(".. "):
            lines += ["", *block.split("\n")]
        else:
            ended = block.removesuffix("::") + ":" if block.endswith("::") else block
            prose = "".join(_prose(ended, public)).split("\n")
            lines += ["", *(_list(prose) if prose[0].startswith("- ") else map(str.strip, prose))]
    return lines[1:]


def _list(lines: list[str]) -> list[str]:
    """Return the lines of a list, each item's further ones below its first."""
    return [line if line.startswith("- ") else "  " + line.strip() for line in lines]


def _prose(text: str, public: dict[str, str]) -> Iterator[str]:
    end = 0
    for code in _CODE.finditer(text):
        yield _escaped(text[end : code.start()])
        end = code.end()
        if code[4]:
            yield rf"\ *{code[4]}*\ "
            continue
        said = " ".join((code[1] or code[2] or code[3]).split())
        place = public.get(said.split("(")[0].removeprefix("vg."))
        # Between word characters markup needs an escaped space on either side.
        yield rf"\ :py:obj:`{said} <{place}>`\ " if place else rf"\ ``{said}``\ "
    yield _escaped(text[end:])


def _escaped(text: str) -> str:
    return re.sub(r"([\\*|`_])", r"\\\1", text)
