"""Shares of the Union's consumption, days of cover, who took what from where (Regulation (EU) 2024/1252)."""
