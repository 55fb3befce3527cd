"""Every message has a translation in every language, and nothing on a translated page stays English."""

import ast
import re
from pathlib import Path

import pytest
from matplotlib.font_manager import fontManager

import vgtheory as vg
from vgtheory._errors import UnknownNameError
from vgtheory.reporting import message, plot, written_report
from vgtheory.reporting.answer import answer
from vgtheory.reporting.document import Equation, Fold, Section, spoken
from vgtheory.reporting.figure_words import font_with, said_in
from vgtheory.reporting.figures import draw
from vgtheory.reporting.findings import gather
from vgtheory.reporting.message import SLOT, said, t
from vgtheory.reporting.report import report
from vgtheory.reporting.story import tell
from vgtheory.reporting.style import new_figure, svg_text
from vgtheory.reporting.translation import Translator, catalogue, languages, translator

W = vg.Weights
say_zh = translator("zh")
NETWORKS = {
    "explodes": vg.Network("tanh", W.gaussian(1.6, 0.05), width=32, depth=60),
    "vanishes": vg.Network("sigmoid", W.gaussian(1.0, 0.1), width=32, depth=20),
    "critical": vg.Network("relu", W.he(), width=128, depth=10),
    "dies": vg.Network("relu", W.he(), width=2, depth=60),
    "orthogonal": vg.Network("tanh", W.orthogonal(1.5, 0.1), width=32, depth=60),
    "normalised": vg.Network("relu", W.he(), width=32, depth=10, norm="layer"),
    "cell": vg.Network(vg.blocks.lstm(W.gaussian(1.0), forget_bias=-1.0), width=16, depth=40),
    "transformer": vg.Network(vg.blocks.transformer("relu", W.gaussian(1.5), 2), width=8, depth=3, tokens=4),
}
SLOW = {"explodes", "vanishes", "orthogonal", "dies", "cell", "transformer"}


def messages():
    """Return the ids of all messages in the package's modules and templates."""
    folder = Path(message.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "t":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}: a message is one literal"
                yield node.args[0].value
    for path in (folder / "templates").glob("*.html"):
        yield from re.findall(r'_\("([^"]+)"\)', path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", languages()[1:])
def test_every_message_is_translated_with_its_slots(language):
    book, finished = catalogue(language)
    ids = set(messages())
    assert len(ids) > 150
    assert sorted(ids - set(book)) == []
    assert set(book) - set(finished) <= ids  # nothing stays behind that no page says
    for key, text in book.items():
        assert set(SLOT.findall(key)) == set(SLOT.findall(text)), key


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in NETWORKS])
def test_no_block_of_a_page_stays_english(name):
    findings = gather(answer(NETWORKS[name], samples=16, seed=1))
    document = tell(findings)
    say = Translator("zh", *catalogue("zh"))
    chinese = spoken(document, say)
    said_in(draw(findings, document.figures).values(), say)
    assert list(say.missing) == []
    english = spoken(document, str)
    assert formulas(english) == formulas(chinese)
    assert numbers(english) == numbers(chinese)


def formulas(part):
    if isinstance(part, Equation):
        return [part.latex]
    if isinstance(part, (Section, Fold)):
        return [f for block in part.blocks for f in formulas(block)]
    return [f for section in getattr(part, "sections", ()) for f in formulas(section)]


def numbers(document):
    """Return the numbers of each section's text, in any order."""
    return [sorted(re.findall(r"\d+(?:\.\d+)?", repr(section))) for section in document.sections]


@pytest.mark.parametrize(("letters", "written"), [("层次", "层次"), ("\U000f0000", "rate")])
def test_labels_are_said_where_a_font_has_their_letters(letters, written, caplog):
    axes = new_figure().subplots()
    axes.set_xlabel("rate")
    axes.set_ylabel(r"critical: $\sigma_w=0.5$, 90 %")
    book = {"rate": letters, r"critical: $\sigma_w={value}$, 90 %": letters + r"：$\sigma_w={value}$, 90 %"}
    said_in([plot.figure_of(axes)], Translator("xx", book, tuple(book)))
    if font_with(frozenset("层次")) is None:  # a machine without such a font
        written = "rate"
    assert axes.get_xlabel() == written
    assert r"$\sigma_w=0.5$" in axes.get_ylabel()
    assert (r"90\ \%" in axes.get_ylabel()) == (written == letters)
    assert "path" in svg_text(plot.figure_of(axes))
    assert "glyph" not in caplog.text  # which matplotlib says of letters that it draws as boxes


def test_a_font_that_came_after_the_list_of_fonts_was_made_is_found(monkeypatch):
    letters = frozenset("层次")
    chinese = font_with(letters)
    if chinese is None:
        pytest.skip("no font with Chinese letters here")
    kept = [e for e in fontManager.ttflist if "CJK" not in e.name and "Fallback" not in e.name]
    monkeypatch.setattr(fontManager, "ttflist", kept)
    font_with.cache_clear()
    assert font_with(letters) == chinese
    font_with.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("letters", ["层", "\U000f0000"])
def test_figures_are_drawn_once_and_a_page_says_why_their_labels_are_english(letters, tmp_path, monkeypatch):
    book, finished = catalogue("zh")
    book = {**book, "pre-activation $h$": letters}
    monkeypatch.setattr(written_report, "translator", lambda lang: Translator("zh", book, finished))
    drawn = []
    monkeypatch.setattr(written_report, "draw", lambda *given: drawn.append(given) or draw(*given))
    monkeypatch.setattr(written_report, "write_pdf", lambda source, target: None)
    report(vg.Network("tanh", W.gaussian(1.0), width=8, depth=4), tmp_path / "r", samples=4, pdf=True, lang="zh")
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    unlabelled = say_zh(
        "Labels of figures are English: where this page was made no font has the letters of its language."
    )
    assert (unlabelled in page) == (font_with(frozenset(letters)) is None)
    assert len(drawn) == 1
    assert (tmp_path / "r" / "activation.pdf").is_file()


def test_what_is_missing_is_counted_and_stays_english():
    say = Translator("xx", {"a {thing}": "ein {thing}", "tree": "Baum"}, ("a {thing}", "tree"))
    assert say(t("a {thing}", thing=t("tree"))) == "ein Baum"
    assert say("a tree") == "ein Baum"  # a finished text
    assert say(said(t("a {thing}", thing="3"), t("no bush"))) == "ein 3no bush"
    assert say("$x$, a tree") == "$x$, a tree"  # nothing is said of half a text
    assert say("`a user's own text` = 5") == "`a user's own text` = 5"
    assert list(say.missing) == ["no bush", "$x$, a tree"]


def test_what_a_user_wrote_is_not_translated():
    say = Translator("xx", {"the {kind} {got}": "{got}, {kind}", "tree": "Baum"}, ("the {kind} {got}", "tree"))
    assert say("the tree of a tree") == "of a tree, Baum"
    assert list(say.missing) == []


def test_english_needs_no_catalogue():
    say = translator("en")
    assert say(said(t("{n} of them.", n="3"), "")) == "3 of them."


def test_another_language_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="language"):
        vg.report(NETWORKS["critical"], tmp_path / "r", lang="xx")
    assert not (tmp_path / "r").exists()
