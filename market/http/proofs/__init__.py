"""Checkpoints, proofs of receipts and matches, recorded audits."""
