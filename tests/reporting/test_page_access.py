"""The page by keyboard, in light and in dark, and for who does not see its figures."""

import pytest

import vgtheory as vg
from tests.reporting.chromium import measured, needs_chromium
from vgtheory.reporting.report import report

# WCAG 2: the ratio of relative luminances, of text against the nearest background that is drawn.
CONTRAST = r"""
const parse=c=>{const m=c.match(/[\d.]+/g).map(Number);return {rgb:m.slice(0,3),a:m.length>3?m[3]:1}};
const over=(c,b)=>c.rgb.map((v,k)=>c.a*v+(1-c.a)*b[k]);
const light=rgb=>{const [r,g,b]=rgb.map(v=>{v/=255;return v<=.04045?v/12.92:((v+.055)/1.055)**2.4});
return .2126*r+.7152*g+.0722*b};
const ratio=(p,q)=>{const [a,b]=[light(p),light(q)].sort((x,y)=>y-x);return (a+.05)/(b+.05)};
const ground=e=>{const layers=[];for(;e;e=e.parentElement){const c=parse(w.getComputedStyle(e).backgroundColor);
if(c.a){layers.push(c);if(c.a===1)break}}
let base=[255,255,255];for(const c of layers.reverse())base=over(c,base);return base};
"""
READ = (
    CONTRAST
    + r"""
for(const e of d.querySelectorAll('details'))e.open=true;
const faint=[];let read=0;
for(const e of d.body.querySelectorAll('*')){
if(![...e.childNodes].some(n=>n.nodeType===3&&n.data.trim())||!e.getBoundingClientRect().height)continue;
if(e.closest('script,style,select'))continue;
const style=w.getComputedStyle(e),behind=ground(e),colour=e.closest('svg')?style.fill:style.color;
const found=ratio(over(parse(colour),behind),behind);read++;
if(found<4.5)faint.push(e.tagName+' '+found.toFixed(2)+' '+e.textContent.trim().slice(0,30))}
return {read,faint:faint.slice(0,8),paper:ground(d.querySelector('main')),curves:
['.sim','.pred'].map(k=>d.querySelector('svg.live '+k)).map(e=>ratio(parse(w.getComputedStyle(e).stroke).rgb,
ground(e)))};
"""
)
REACHED = (
    CONTRAST
    + r"""
w.focus();
const stops=[...d.querySelectorAll('a[href],button,input,select,summary,[tabindex]')].filter(e=>e.tabIndex>=0&&
e.getBoundingClientRect().height&&!e.closest('details:not([open]) > :not(summary)'));
const unseen=[],idle=[],kinds={};
for(const e of stops){e.focus();const s=w.getComputedStyle(e),kind=e.tagName.toLowerCase();
kinds[kind]=(kinds[kind]||0)+1;
if(d.activeElement!==e||s.outlineStyle==='none'||parseFloat(s.outlineWidth)<2
||ratio(parse(s.outlineColor).rgb,ground(e.parentElement))<3)unseen.push(kind+'.'+(e.className.baseVal??e.className));
if(!['button','input','select','summary','svg'].includes(kind)&&e.scrollWidth<=e.clientWidth+1)idle.push(kind)}
const cut=[...d.querySelectorAll('.scroll,.math,pre')].filter(e=>e.scrollWidth>e.clientWidth+1&&e.tabIndex<0).length;
return {unseen,idle,kinds,cut};
"""
)
NAMED = r"""
const unnamed=[...d.querySelectorAll('svg,img')].filter(e=>!(e.getAttribute('aria-label')||'').trim()
||e.getAttribute('role')!=='img').length;
const fields=[...d.querySelectorAll('input,select')].filter(e=>!e.labels[0]?.textContent.trim()).length;
return {figures:d.querySelectorAll('svg').length,unnamed,fields};
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("page") / "r"
    report(vg.Network("sigmoid", vg.Weights.gaussian(1.5, 0.05), width=64, depth=20), folder, samples=16)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize(("scheme", "bright"), [("light", True), ("dark", False)])
def test_text_can_be_read_in_light_and_in_dark(page, scheme, bright):
    found = measured(page, 1000, READ, scheme=scheme)
    assert (found["paper"][0] > 128) == bright
    assert found["read"] > 200
    assert found["faint"] == []
    assert min(found["curves"]) >= 3


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 400])
def test_everything_that_acts_or_scrolls_is_reached_by_keyboard_and_seen_to_be(page, scheme, width):
    found = measured(page, width, REACHED, scheme=scheme)
    assert (found["unseen"], found["idle"], found["cut"]) == ([], [], 0)
    assert {"input", "select", "button", "summary", "svg"} <= set(found["kinds"])


@pytest.mark.slow
@needs_chromium
def test_every_figure_says_what_it_shows_and_every_slider_what_it_sets(page):
    found = measured(page, 1000, NAMED)
    assert found["figures"] >= 5
    assert (found["unnamed"], found["fields"]) == (0, 0)


@needs_chromium
def test_the_checks_see_what_is_wrong():
    wrong = (
        '<!DOCTYPE html><html lang="en"><body><main><p style="color:#aaa">faint</p><svg class="live"><path class="sim"'
        ' stroke="#fff"/><path class="pred" stroke="#000"/></svg><button style="outline:none">unseen</button>'
        '<p tabindex="0">idle</p><div class="scroll" style="overflow-x:auto;width:9px">long</div><input></main>'
    )
    read, reached, named = (measured(wrong, 500, script) for script in (READ, REACHED, NAMED))
    assert [text.split()[0] for text in read["faint"]] == ["P"]
    assert min(read["curves"]) < 3
    assert "button." in reached["unseen"]
    assert (reached["idle"], reached["cut"]) == (["p"], 1)
    assert (named["unnamed"], named["fields"]) == (1, 1)
