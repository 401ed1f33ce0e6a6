"""A round: eligible pairs, their values, the optimal trades, their prices and their certificate."""
