"""The command line: one file per verb; `commands.py` puts them together."""
