"""Chinese reports: nothing of the story stays English, numbers and formulas are those of the English report."""

import re

import pytest

import vgtheory as vg
from vgtheory._errors import UnknownNameError
from vgtheory.reporting.document import Equation, Paragraph, Table
from vgtheory.reporting.findings import gather
from vgtheory.reporting.html import render_html
from vgtheory.reporting.language import translated, translator
from vgtheory.reporting.language.chinese import CHINESE
from vgtheory.reporting.story import tell

W = vg.Weights
NETWORKS = {
    "explodes": vg.Network("tanh", W.gaussian(1.6, 0.05), width=32, depth=60),
    "vanishes": vg.Network("sigmoid", W.gaussian(1.0, 0.1), width=32, depth=20),
    "critical": vg.Network("relu", W.he(), width=128, depth=10),
    "dies": vg.Network("relu", W.he(), width=2, depth=60),
}
# Statements of theorems, error texts and names of bounds stay English.
ENGLISH = re.compile(r"(?:\b[A-Za-z]{3,}\b[ ,]+){3,}")


@pytest.fixture(scope="module", params=list(NETWORKS))
def both(request):
    document = tell(gather(NETWORKS[request.param], samples=16, seed=1))
    return document, translated(document, "zh")


def texts(document):
    yield document.title
    yield document.subtitle
    yield document.verdict
    for row in document.key_numbers:
        yield from row
    for section in document.sections:
        yield section.title
        for block in section.blocks:
            if isinstance(block, Paragraph):
                yield block.text
            elif isinstance(block, Table):
                yield from block.header
                yield block.caption


def test_the_story_is_chinese(both):
    _, chinese = both
    left = [text for text in texts(chinese) if ENGLISH.search(re.sub("`[^`]*`", "", text))]
    # Reasons for what is not offered come from the package's errors.
    assert [text for text in left if "：" not in text] == []
    assert len(left) <= 4


def test_numbers_and_formulas_are_the_same(both):
    english, chinese = both

    def numbers(document):
        return [sorted(re.findall(r"\d+(?:\.\d+)?", text)) for text in texts(document)]

    assert numbers(english) == numbers(chinese)
    formulas = [[b.latex for s in d.sections for b in s.blocks if isinstance(b, Equation)] for d in both]
    assert formulas[0] == formulas[1]


def test_slots_agree():
    for phrase, translation in CHINESE.items():
        assert set(re.findall(r"{(\w+)}", phrase)) == set(re.findall(r"{(\w+)}", translation)), phrase


def test_the_page_says_its_language(both):
    _, chinese = both
    names = {b.name for s in chinese.sections for b in s.blocks if hasattr(b, "alt")}
    page = render_html(chinese, dict.fromkeys(names, "<svg></svg>"), translator("zh"))
    assert '<html lang="zh">' in page
    assert "复制 LaTeX" in page
    assert "copy LaTeX" not in page


def test_another_language_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="language"):
        vg.report(NETWORKS["critical"], tmp_path / "r", lang="xx")
    assert not (tmp_path / "r").exists()
