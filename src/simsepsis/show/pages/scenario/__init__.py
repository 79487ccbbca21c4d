"""The page of a scenario: what it changes, what is true in it, what its patients look like."""

from simsepsis.show.pages.scenario.page import (
    description_contents,
    description_html,
    write_scenario_report,
)

__all__ = ["description_contents", "description_html", "write_scenario_report"]
