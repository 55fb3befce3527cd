"""The site: every public name has an example; a build has no warning, no dead link, nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.append(str(DOCS / "_ext"))

import docstrings  # noqa: E402 - found by the path above
import names  # noqa: E402

PUBLIC = names.public()
BUILDER = ("sphinx", "myst_nb", "pydata_sphinx_theme", "latex2mathml")
LARGEST_SITE = 60 * 2**20  # bytes
needs_sphinx = pytest.mark.skipif(
    not all(map(find_spec, BUILDER)) and not os.environ.get("CI"), reason="the extra docs is not installed"
)


@pytest.mark.parametrize("namespace", names.NAMESPACES)
def test_every_public_name_has_an_example_that_is_run(namespace):
    """Examples are doctests, which the suite collects; a class may be shown by the function that makes it."""
    without = [name.called for name in PUBLIC if name.namespace == namespace and not names.example(name, PUBLIC)]
    assert not without


def test_docstrings_become_text_with_links():
    doc = """Return what ``simulate`` returns, with σ_w and |x|.

    Parameters
    ----------
    network : the *network*,
        of any width.

    Examples
    --------
    >>> 1 + 1
    2
    """
    lines = docstrings.restructured(doc, {"simulate": "vg.simulate"})
    text = "\n".join(lines)
    assert ":py:obj:`simulate <vg.simulate>`" in text
    assert r"σ\_w and \|x\|" in text
    assert "``network``\n    the" in text
    assert "*network*" in text
    assert "\n\n>>> 1 + 1\n2" in text


class Page(HTMLParser):
    """The links, places and loaded files of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.places, self.loaded = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        of = dict(attrs)
        self.places |= {of[key] for key in ("id", "name") if of.get(key)}
        if tag == "a" and of.get("href"):
            self.links.append(of["href"])
        loads = "href" if tag == "link" and of.get("rel") in ("stylesheet", "icon", "preload") else "src"
        if tag in ("script", "img", "link", "iframe") and of.get(loads):
            self.loaded.append(of[loads])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `docs/_ext` and Sphinx build it, a warning being an error."""
    folder = tmp_path_factory.mktemp("site")
    build = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-j",
        "2",
        "-b",
        "html",
        str(DOCS),
        str(folder),
    ]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    written = [path for path in site.rglob("*.html") if "_static" not in path.parts]  # where a theme keeps a template
    return {path.resolve(): Page(path.read_text("utf-8")) for path in written}


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_sphinx
def test_no_link_is_dead(pages):
    dead = []
    for path, page in pages.items():
        for link in page.links:
            at = urlsplit(link)
            if at.scheme or at.netloc:
                continue
            target = (path.parent / unquote(at.path)).resolve() if at.path else path
            if not target.is_file() or (
                at.fragment and target in pages and unquote(at.fragment) not in pages[target].places
            ):
                dead.append(f"{path.name}: {link}")
    assert not dead


@pytest.mark.slow
@needs_sphinx
def test_nothing_is_loaded_from_elsewhere(site, pages):
    outside = {f"{path.name}: {file}" for path, page in pages.items() for file in page.loaded if urlsplit(file).netloc}
    assert not outside
    missing = [
        f"{path.name}: {file}"
        for path, page in pages.items()
        for file in page.loaded
        if not urlsplit(file).scheme and not (path.parent / unquote(urlsplit(file).path)).resolve().is_file()
    ]
    assert not missing
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < LARGEST_SITE


@pytest.mark.slow
@needs_sphinx
def test_every_public_name_is_two_clicks_away_and_can_be_searched(site, pages):
    index = (site / "searchindex.js").read_text("utf-8")

    def linked(place):
        page = (site / place).resolve()
        return {(page.parent / unquote(urlsplit(link).path)).resolve() for link in pages[page].links}

    for namespace in names.NAMESPACES:
        door = f"reference/{namespace or 'vg'}.html"
        assert (site / door).resolve() in linked("reference/index.html")
        wanted = [name for name in PUBLIC if name.namespace == namespace]
        assert {(site / f"reference/names/{name.called}.html").resolve() for name in wanted} <= linked(door)
        assert not [name.called for name in wanted if name.name not in index]


@pytest.mark.slow
@needs_sphinx
def test_formulas_are_formulas(site):
    """TeX is shown as MathML; where it was not understood, a backslash would be left in the page."""
    text = (site / "explanation" / "exact-sampling.html").read_text("utf-8")
    found = re.findall(r"<math.*?</math>", text, re.DOTALL)
    assert len(found) > 50
    assert not [
        formula for formula in found if re.search(r"\\[a-z]", re.sub(r"<annotation.*?</annotation>", "", formula))
    ]
