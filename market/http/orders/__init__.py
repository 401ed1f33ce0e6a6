"""Offers, lots and requirements, what they state, who would fit, and procurement policies."""
