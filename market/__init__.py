"""The exchange: HTTP API, commands, rules, tables and the processes around them."""

__version__ = "0.1.0"
