"""What people see: figures, tables and pages; the only room that knows matplotlib and HTML."""
