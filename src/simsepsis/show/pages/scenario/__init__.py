"""The page of a scenario: what it changes, what is true in it, what its patients look like."""

from simsepsis.show.pages.scenario.page import description_contents, scenario_page

__all__ = ["description_contents", "scenario_page"]
