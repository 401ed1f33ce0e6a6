"""Passports, transformations, lineage, twins, forecasts of returns, and the CRMA monitor."""
