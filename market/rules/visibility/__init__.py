"""Who sees what of the record, in which detail, and what of it the public tape tells."""
