"""Writes: the audit trail, log-ins, sessions and tokens."""
