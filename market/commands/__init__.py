"""What may be asked of the market: one function per command; each decides, applies and records in one lane
transaction."""
