"""What may be posted, amended and withdrawn: offers, lots, requirements, and policies that these name."""
