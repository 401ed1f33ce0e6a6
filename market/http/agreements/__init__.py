"""Agreements, their nominations, deliveries, invoices and statements, and indices that prices refer to."""
