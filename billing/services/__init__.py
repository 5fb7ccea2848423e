"""Writes of billing: one verb, one transaction."""
