"""Reads of events and snapshots."""
