"""Twins: what a facility can make, what a product is made of, and how much of it comes back when."""
