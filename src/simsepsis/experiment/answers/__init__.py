"""Answers in words: sentences whose every number and verb follows from the stored rows."""

from simsepsis.experiment.answers.answer import Answer, answers_of

__all__ = ["Answer", "answers_of"]
