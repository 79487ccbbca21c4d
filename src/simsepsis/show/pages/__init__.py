"""Pages for people: one self-contained HTML file per run."""

from simsepsis.show.pages.reproduction import reproduction_html, write_reproduction_report

__all__ = ["reproduction_html", "write_reproduction_report"]
