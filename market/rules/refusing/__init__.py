"""Saying no: every reason as a refusal with its figures, and the sentences that a trader reads."""
