"""Commands of the market: one function each, which decides, applies and records in one lane transaction."""
