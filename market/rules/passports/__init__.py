"""Lots with passports: what is stated of them, what becomes of them, and where their elements come from."""
