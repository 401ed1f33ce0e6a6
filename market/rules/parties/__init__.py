"""Parties: organisations with their facilities and keys, and members of markets."""
