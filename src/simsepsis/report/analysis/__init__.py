"""The page of one cohort's analysis: who was compared, how alike they were, what became of them."""

from simsepsis.report.analysis.page import analysis_html, analysis_page

__all__ = ["analysis_html", "analysis_page"]
