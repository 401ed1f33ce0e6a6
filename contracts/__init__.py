"""Offtake agreements over months and years: rules, commands and tables."""
