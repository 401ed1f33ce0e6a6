"""Refusals: every reason with its figures, and the sentences that traders read."""
