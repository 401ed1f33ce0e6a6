"""Organisations, their facilities, papers and keys; initiatives."""
