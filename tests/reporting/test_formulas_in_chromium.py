"""Formulas as a browser draws them: brackets as tall as what they hold, limits below, no command left as its name."""

import pytest

from tests.reporting.chromium import measured, needs_chromium
from tests.reporting.test_printed_forms import NAMES, formulas_of
from vgtheory.reporting.mathml import to_mathml
from vgtheory.symbolic.formula import formula_latex

# Brackets with their partner in the same row, and what stands between them; 15 % as TeX allows.
FAULTS = r"""
const OPEN='([{⌈⌊⟨', CLOSE=')]}⌉⌋⟩', LIMITS=['max','min','sup','inf'];
const kernel=e=>/^m(sup|sub|subsup)$/.test(e.tagName)?e.firstElementChild:e;
const box=es=>{const bs=es.map(e=>e.getBoundingClientRect()).filter(b=>b.height);
  return bs.length?[Math.min(...bs.map(b=>b.top)),Math.max(...bs.map(b=>b.bottom))]:null};
const out=[];
for(const div of d.querySelectorAll('div.f')){const bad=[];
  for(const mo of div.querySelectorAll('mo')){if(!mo.textContent||!OPEN.includes(mo.textContent))continue;
    const row=[...mo.parentElement.children]; let j=row.indexOf(mo)+1, depth=0; const from=j;
    for(;j<row.length;j++){const t=kernel(row[j]); if(t.tagName!=='mo'||!t.textContent)continue;
      if(OPEN.includes(t.textContent))depth++; else if(CLOSE.includes(t.textContent)&&!depth--)break;}
    const held=box(row.slice(from,j)); if(!held)continue;
    const b=mo.getBoundingClientRect(), room=0.15*(held[1]-held[0])+1;
    if(b.top>held[0]+room||b.bottom<held[1]-room)
      bad.push(`${mo.textContent} ${b.height.toFixed(0)} around ${(held[1]-held[0]).toFixed(0)}`);}
  for(const e of div.querySelectorAll('mi,mo,mtext')){
    if(/\\|^(left|right|frac|mathbb|operatorname|top|Bigl|Bigr|middle|displaystyle)$/.test(e.textContent))
      bad.push('name '+e.textContent);
    if(LIMITS.includes(e.textContent)&&e.parentElement.tagName==='msub'&&e===e.parentElement.firstElementChild)
      bad.push('limit beside '+e.textContent);
    if(e.textContent.trim()&&e.tagName!=='mo'&&!e.getBoundingClientRect().width)bad.push('empty '+e.textContent);}
  out.push(bad);}
return out;
"""


def faults(formulas):
    """Return what a browser draws wrongly, by formula."""
    body = "".join(f'<div class="f">{to_mathml(text)}</div>' for text in formulas)
    seen = measured(f'<!DOCTYPE html><meta charset="utf-8"><body>{body}', 1200, FAULTS)
    assert len(seen) == len(formulas)
    return {text: bad for text, bad in zip(formulas, seen, strict=True) if bad}


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("names", NAMES)
def test_a_browser_draws_every_formula_as_it_is_meant(names):
    texts = list(dict.fromkeys(formula_latex(f) for name in names for f in formulas_of(name)))
    assert len(texts) > 25 * len(names)
    assert faults(texts) == {}


@needs_chromium
def test_the_browser_test_sees_what_is_wrong():
    wrong = [r"(\frac{\frac{a}{b}}{c})", r"\left( \frac{a}{b}", r"\displaystile x \top", r"\foo x"]
    braces = r"\left\{i : s_{i}(J)^{2} \ge t\right\} \left(1 + e^{- x}\right)^{2} \left(s_{i} - x^{2}\right)"
    right = [braces, r"\left(\frac{\frac{a}{b}}{c}\right)", r"\sup_{x} f", r"J^\top g", r"f(x)^{2}"]
    found = faults([*wrong, *right])
    assert wrong[0] in found
    assert not set(right) & set(found)
