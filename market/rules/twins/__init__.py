"""What a facility can make, what a product is made of, and what of it comes back, when."""
