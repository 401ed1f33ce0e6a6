"""The command line: one file per command; `commands.py` puts them together."""
