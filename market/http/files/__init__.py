"""Files of rows: templates, imports and their reports."""
