"""The exact assignment and its proof, from arrays to flows and duals; its door: `market.rules.assignment`."""
