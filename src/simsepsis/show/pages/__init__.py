"""Pages for people: one self-contained HTML file per run."""

from simsepsis.show.pages.reproduction import reproduction_page

__all__ = ["reproduction_page"]
