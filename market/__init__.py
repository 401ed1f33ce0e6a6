"""The exchange: the door, the desk, the matcher."""

__version__ = "0.1.0"
