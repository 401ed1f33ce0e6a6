"""Lots with passports: their statements, transfers and transformations, and where their elements come
from."""
