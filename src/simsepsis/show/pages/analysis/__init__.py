"""The page of one cohort's analysis: who was compared, how alike they were, what became of them."""

from simsepsis.show.pages.analysis.numbers import numbers_of
from simsepsis.show.pages.analysis.page import analysis_page
from simsepsis.show.pages.analysis.words import answer_of

__all__ = ["analysis_page", "answer_of", "numbers_of"]
