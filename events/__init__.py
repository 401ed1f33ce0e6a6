"""The record: what was said, in order, for ever. Decides nothing."""
