"""A round: who fits whom, what a pair is worth, the best trades, their prices, and their certificate."""
