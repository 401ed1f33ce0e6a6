"""What partners' topics, feeds and webhooks say, and where webhooks may post."""
