"""A study drafted from a cohort's file: what each column is, guessed by its name and by what stands in it.

`draft.draft_study` returns the files of a study's folder; nothing is asked, and what is unclear is left open.
"""
