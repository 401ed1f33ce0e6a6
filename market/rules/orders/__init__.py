"""Rules for posting, amending and withdrawing offers, lots and requirements, and for the policies that they
name."""
