"""Writes of creators and their earnings."""
