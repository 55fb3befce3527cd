"""The site: `python -m sphinx -W --keep-going -b html docs site`.  The reference is written first."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import vgtheory  # noqa: E402 - found by the path above

project = "vgtheory"
author = "The vgtheory developers"
project_copyright = author
version = release = vgtheory.__version__

extensions = ["myst_nb", "sphinx_design", "sphinx_copybutton", "site_pages", "site_math"]
exclude_patterns = ["_ext", "capabilities.md", "cookbook/*", "explanation/_notation.md"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks hold their outputs; the tests run them
default_role = "literal"
nitpicky = True
suppress_warnings = ["myst.header"]  # cells of notebooks start at any heading

html_theme = "pydata_sphinx_theme"
html_title = "vgtheory"
html_show_sourcelink = False
html_math_renderer = "mathml"  # nothing is loaded from elsewhere: the pages work without a network
html_theme_options = {
    "navigation_depth": 2,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"reference/names/*": ["sidebar-nav-bs"]}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
