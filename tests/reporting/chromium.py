"""A page measured as a browser lays it out: headless Chromium, in a frame of the wanted width."""

import json
import re
import shutil
import subprocess
import tempfile
from html import escape, unescape
from pathlib import Path

import pytest

needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")

WRAPPER = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0"><iframe id="f"
style="border:0;color-scheme:{scheme}" width="{width}" height="3000" {sandbox}
srcdoc="{page}"></iframe><pre id="out"></pre><script>
const f=document.getElementById('f');f.onload=()=>{{const d=f.contentDocument;const w=f.contentWindow;
document.getElementById('out').textContent=JSON.stringify((function(d,w){{{script}}})(d,w))}};</script>"""

# What sticks out of the page, unless an ancestor scrolls; heights and fences of formulas; rows of unequal figures.
LAYOUT = r"""
const width=d.documentElement.clientWidth, wide=[];
const scrolls=e=>{for(;e;e=e.parentElement){const o=w.getComputedStyle(e).overflowX;
if(o==='auto'||o==='scroll')return true}return false};
for(const e of d.body.querySelectorAll('*')){const b=e.getBoundingClientRect();
if(b.width&&b.right>width+1&&!scrolls(e)&&!e.closest('svg'))wide.push(e.tagName+'.'+e.className+' '+b.right)}
const cut=[...d.querySelectorAll('.math')].filter(e=>e.scrollWidth>e.clientWidth+1
&&w.getComputedStyle(e).overflowX==='visible').length;
const text=[...d.querySelectorAll('main')].map(e=>e.innerText).join(' ');
return {width,scroll:d.documentElement.scrollWidth,height:d.documentElement.scrollHeight,wide:wide.slice(0,5),cut,text,
cards:[...d.querySelectorAll('.eq')].filter(e=>e.getBoundingClientRect().height>0).length,
uneven:[...d.querySelectorAll('.row')].filter(r=>{const found=[...r.children].map(e=>e.getBoundingClientRect().width);
return Math.max(...found)>Math.min(...found)+1}).length,
live:d.querySelectorAll('svg.live path.sim').length};
"""


def measured(page: str, width: int, script: str = LAYOUT, scripts: bool = True, scheme: str = "light") -> dict:
    """Return what a script finds in a page that is laid out at a width, with the page's own scripts or without.

    A frame prefers the colour scheme, light or dark, of the element that holds it.
    """
    sandbox = "" if scripts else 'sandbox="allow-same-origin"'
    wrapper = WRAPPER.format(width=width, sandbox=sandbox, scheme=scheme, page=escape(page), script=script)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(wrapper, encoding="utf-8")
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        command += [f"--window-size={width},3000", "--virtual-time-budget=3000", "--dump-dom"]
        done = subprocess.run([*command, f"file://{folder}/page.html"], capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    return json.loads(unescape(found[1]))
