"""Sphinx reads this: what the site is called, and the pages that are written anew for each build."""

import importlib.metadata
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generated_pages import write

write(HERE)

project = "simsepsis"
author = "the simsepsis founders"
release = importlib.metadata.version("simsepsis")
language = "en"

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"]
exclude_patterns = ["_site", ".venv", "jupyter_execute"]
nb_execution_mode = "off"  # tests run the notebooks; their outputs are stored
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"simsepsis {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
