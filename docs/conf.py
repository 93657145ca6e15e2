"""The documentation as a site: ``sphinx-build -W -c docs . build/site``, then open build/site/index.html.

The source folder is the whole repository, so that links between pages, notebooks and the files beside them are
the same on the site and in the repository. Nothing is fetched from a network, and nothing is written outside
of build.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from tv2sim import __version__  # noqa: E402

project = "tv2sim"
author = "The tv2sim authors"
copyright = author  # noqa: A001
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "registries"]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/*.ipynb", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [".*", "build", "dist", "tests", "tv2sim", "docs/static", "docs/templates"]

# Markdown and notebooks: notebooks show what is stored in them, which the tests have executed
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True

# docstrings: types stand in their sections, so that signatures stay short
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"tv2sim {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to_start.html"}
templates_path = ["templates"]
html_copy_source = False
html_show_sphinx = False
html_show_search_summary = False  # which is fetched, and that fails where the site is opened as files
html_theme_options = {"navigation_with_keys": True}
