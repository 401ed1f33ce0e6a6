"""The demonstration market: generated from published figures with a seed, traded over HTTP, then audited."""
