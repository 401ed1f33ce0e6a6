"""Organisations, their facilities, certificates, licences and keys; initiatives."""
