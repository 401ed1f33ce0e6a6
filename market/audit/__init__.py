"""Audits: everything proved from the topics alone, and the files by which partners prove what is theirs."""
