"""Who takes which table in: one module a table, each with the attributes that it knows in one place."""

from huntaze.importing.tables import aggregates, events, stripe, users

__all__ = ["aggregates", "events", "stripe", "users"]
