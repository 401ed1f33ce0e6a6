"""The content of partner topics, feeds and webhooks, and the addresses to which webhooks may post."""
