"""Words and numbers in print: what people read is written here once, whoever shows it."""

from simsepsis.words.text import HIDDEN, LONGEST, LONGEST_SENTENCE, cut, literal, one_sentence, plain, shown

__all__ = ["HIDDEN", "LONGEST", "LONGEST_SENTENCE", "cut", "literal", "one_sentence", "plain", "shown"]
