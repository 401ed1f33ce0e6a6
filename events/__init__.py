"""The record: every event, in order, kept for ever. It decides nothing."""
