"""Markets and what is recorded for them, rounds, matches, quotes and trials of rule sets."""
