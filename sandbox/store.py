"""JSON documents in SQLite: kept in memory, or in a file that a restarted sandbox finds again."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (collection, id)
);
CREATE INDEX IF NOT EXISTS by_position ON documents (collection, position);
"""
_INDEXED = ("customer", "email", "invoice", "type", "payment.payment_intent", "charge")


class Store:
    """Named collections of documents with a stable order, written in transactions.

    It belongs to the thread that made it. Documents handed out are copies: change one and `put` it back.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._connection = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        if path:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        for field in _INDEXED:
            self._connection.execute(
                f"CREATE INDEX IF NOT EXISTS by_{field.replace('.', '_')}"
                f" ON documents (collection, {_field(field)}, position)"
            )

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together, or none does when the block raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def put(self, collection: str, document: Document) -> None:
        """Adds the document, or replaces the one with the same `id` in its old position."""
        self._connection.execute(
            "INSERT INTO documents (collection, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body",
            (collection, document["id"], json.dumps(document)),
        )

    def get(self, collection: str, id: str) -> Document | None:
        row = self._connection.execute(
            "SELECT body FROM documents WHERE collection = ? AND id = ?", (collection, id)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def position(self, collection: str, id: str) -> int | None:
        row = self._connection.execute(
            "SELECT position FROM documents WHERE collection = ? AND id = ?", (collection, id)
        ).fetchone()
        return row[0] if row else None

    def delete(self, collection: str, id: str) -> None:
        self._connection.execute("DELETE FROM documents WHERE collection = ? AND id = ?", (collection, id))

    def clear(self, *collections: str) -> None:
        for collection in collections:
            self._connection.execute("DELETE FROM documents WHERE collection = ?", (collection,))

    def select(
        self,
        collection: str,
        where: Mapping[str, Any] | None = None,
        *,
        newest_first: bool = False,
        before: int | None = None,
        after: int | None = None,
        limit: int = -1,
    ) -> list[Document]:
        """Documents that match every condition of `where`, in order of creation.

        A key of `where` is a field, optionally with an operator (`created__gte`, `type__in`); `before` and
        `after` bound the position.
        """
        clauses, values = _conditions(collection, where or {})
        if before is not None:
            clauses.append("position < ?")
            values.append(before)
        if after is not None:
            clauses.append("position > ?")
            values.append(after)
        order = "DESC" if newest_first else "ASC"
        rows = self._connection.execute(
            f"SELECT body FROM documents WHERE {' AND '.join(clauses)} ORDER BY position {order} LIMIT ?",  # noqa: S608
            (*values, limit),
        )
        return [json.loads(body) for (body,) in rows]

    def count(self, collection: str, where: Mapping[str, Any] | None = None) -> int:
        clauses, values = _conditions(collection, where or {})
        query = f"SELECT count(*) FROM documents WHERE {' AND '.join(clauses)}"  # noqa: S608
        number: int = self._connection.execute(query, values).fetchone()[0]
        return number

    def total(self, collection: str, field: str, where: Mapping[str, Any]) -> int:
        """The sum of an integer field over the matching documents."""
        clauses, values = _conditions(collection, where)
        query = f"SELECT coalesce(sum({_field(field)}), 0) FROM documents WHERE {' AND '.join(clauses)}"  # noqa: S608
        number: int = self._connection.execute(query, values).fetchone()[0]
        return number


_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "ne": "IS NOT"}


def _field(name: str) -> str:
    if not name.replace("_", "").replace(".", "").isalnum():
        raise ValueError(f"{name!r} is not a field name")
    return f"json_extract(body, '$.{name}')"


def _conditions(collection: str, where: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    clauses, values = ["collection = ?"], [collection]
    for key, value in where.items():
        name, _, operator = key.partition("__")
        if operator == "in":
            clauses.append(f"{_field(name)} IN ({', '.join('?' * len(value))})")
            values.extend(value)
        elif value is None and not operator:
            clauses.append(f"{_field(name)} IS NULL")
        else:
            clauses.append(f"{_field(name)} {_OPERATORS.get(operator, '=')} ?")
            values.append(value)
    return clauses, values
