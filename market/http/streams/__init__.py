"""Feeds, partners' topics, webhooks."""
