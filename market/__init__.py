"""The exchange: the door, the desk, the matcher."""
