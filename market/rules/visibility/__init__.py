"""Visibility: who sees what of the record, in which detail, and what the public tape shows."""
