"""Audits: everything proved from the topics alone, and the proof files of partners."""
