"""The page of one of the thesis's worlds: what it changes, what is true in it, who its patients are."""
