"""The thesis's analysis and its parts, on any table of patients."""
