"""The thesis as data: printed tables, data dictionary, quoted literature, and the audit.

Reading
-------
`tables.load_thesis` gives every printed number by its key, as printed or with misprints corrected;
`printed.load_literature` the numbers quoted from other work.

Auditing
--------
`audit.audit_thesis` lists the printed numbers that do not fit each other, with the arithmetic.
"""
