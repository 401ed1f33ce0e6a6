"""The command line: one file per verb; `market.__main__` puts them together."""
