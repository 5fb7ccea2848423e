"""Form bodies and query strings, read by the schema that Stripe publishes and refused in Stripe's words."""

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.amounts import CURRENCIES
from sandbox.stripe.errors import StripeError, refused

Raw = str | dict[str, Any]

# Text that may be emptied. Every other parameter refuses an empty value, as it cannot be unset.
_UNSETTABLE = {"business_name", "description", "email", "footer", "individual_name", "memo", "name", "phone"}
_METADATA_KEYS, _METADATA_KEY_LENGTH, _METADATA_VALUE_LENGTH = 50, 40, 500


def decode(text: str) -> dict[str, Raw]:
    """`a[b][0][c]=d` as nested dictionaries of strings; lists stay dictionaries keyed by their indices."""
    result: dict[str, Raw] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        keys = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        if not keys or name != keys[0] + "".join(f"[{key}]" for key in keys[1:]):
            raise refused(f"Invalid parameter name: {name}")
        _place(result, keys, value, name)
    return result


def _place(target: dict[str, Any], keys: list[str], value: str, name: str) -> None:
    for key in keys[:-1]:
        target = target.setdefault(key or str(len(target)), {})
        if not isinstance(target, dict):
            raise refused(f"Invalid parameter: {name} is given both as a value and as an object")
    target[keys[-1] or str(len(target))] = value


def read(schema: dict[str, Any], raw: dict[str, Raw]) -> dict[str, Any]:
    """The parameters with the types that the schema gives them. Raises StripeError."""
    return _object(schema, raw, "")


def _object(schema: dict[str, Any], raw: dict[str, Raw], path: str) -> dict[str, Any]:
    properties: dict[str, Any] = schema.get("properties", {})
    extra = schema.get("additionalProperties", False)
    if extra is False and (unknown := [_join(path, key) for key in raw if key not in properties]):
        plural = "s" if len(unknown) > 1 else ""
        raise refused(
            f"Received unknown parameter{plural}: {', '.join(unknown)}", param=unknown[0], code="parameter_unknown"
        )
    for key in schema.get("required", []):
        if key not in raw:
            name = _join(path, key)
            raise refused(f"Missing required param: {name}.", param=name, code="parameter_missing")
    result = {key: _value(properties.get(key, extra), value, _join(path, key)) for key, value in raw.items()}
    if path.rpartition("[")[2].rstrip("]") == "metadata" and isinstance(extra, dict):
        _check_metadata(result, path)
    return result


def _value(schema: dict[str, Any], raw: Raw, path: str) -> Any:
    if "anyOf" in schema:
        return _choice(schema["anyOf"], raw, path)
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(raw, dict):
            raise refused("Invalid object", param=path)
        if path == "metadata" or path.endswith("[metadata]"):
            schema = {**schema, "properties": {}}
        return _object(schema, raw, path)
    if kind == "array":
        return _list(schema, raw, path)
    if isinstance(raw, dict):
        raise refused(f"Invalid {kind}: {raw}", param=path)
    return _scalar(schema, raw, path)


def _choice(choices: list[dict[str, Any]], raw: Raw, path: str) -> Any:
    unsets = any(choice.get("enum") == [""] for choice in choices)
    if raw == "" and unsets:
        return ""
    nested = isinstance(raw, dict)
    fitting = [choice for choice in choices if (choice.get("type") in {"object", "array"}) == nested]
    fitting = [choice for choice in fitting if choice.get("enum") != [""]]
    problem: StripeError | None = None
    for choice in sorted(fitting, key=lambda choice: choice.get("type") == "string"):
        try:
            return _value(choice, raw, path)
        except StripeError as error:
            problem = error
    raise problem or refused("Invalid object" if not nested else f"Invalid string: {raw}", param=path)


def _list(schema: dict[str, Any], raw: Raw, path: str) -> list[Any]:
    if not isinstance(raw, dict) or sorted(raw, key=_index) != [str(number) for number in range(len(raw))]:
        raise refused("Invalid array", param=path)
    return [_value(schema["items"], raw[str(number)], f"{path}[{number}]") for number in range(len(raw))]


def _index(key: str) -> int:
    return int(key) if key.isdigit() else -1


def _scalar(schema: dict[str, Any], raw: str, path: str) -> str | int | float | bool:
    kind = schema.get("type")
    if raw == "":
        _check_unset(schema, path)
    if kind == "integer":
        if not re.fullmatch(r"-?\d+", raw):
            raise refused(f"Invalid integer: {raw}", param=path, code="parameter_invalid_integer")
        return int(raw)
    if kind == "number":
        if not re.fullmatch(r"-?\d+(\.\d+)?", raw):
            raise refused(f"Invalid number: {raw}", param=path)
        return float(raw)
    if kind == "boolean":
        if raw not in {"true", "false"}:
            raise refused(f"Invalid boolean: {raw}", param=path)
        return raw == "true"
    return _text(schema, raw, path)


def _check_unset(schema: dict[str, Any], path: str) -> None:
    name = path.rpartition("[")[2].rstrip("]")
    text = schema.get("type") == "string"
    if text and (name in _UNSETTABLE or "metadata[" in path or "" in schema.get("enum", ())):
        return
    raise refused(
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; however"
        f" '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty value.",
        param=path,
        code="parameter_invalid_empty",
    )


def _text(schema: dict[str, Any], raw: str, path: str) -> str:
    if (choices := schema.get("enum")) and raw not in choices:
        raise refused(f"Invalid {path}: must be one of {_either(choices)}", param=path)
    if len(raw) > schema.get("maxLength", len(raw)):
        raise refused(f"Invalid string: {raw[:20]}...; must be at most {schema['maxLength']} characters", param=path)
    if schema.get("format") == "currency":
        _check_currency(raw, path)
    if schema.get("format") == "decimal" and not re.fullmatch(r"-?\d+(\.\d{1,12})?", raw):
        raise refused(f"Invalid decimal: {raw}; must contain at maximum twelve decimal places.", param=path)
    return raw


def _either(choices: list[str]) -> str:
    *most, last = [choice for choice in choices if choice]
    return f"{', '.join(most)}, or {last}" if most else last


def _check_metadata(values: dict[str, Any], path: str) -> None:
    if len(values) > _METADATA_KEYS:
        raise refused(f"Metadata can have at most {_METADATA_KEYS} keys; you passed {len(values)}.", param=path)
    for key, value in values.items():
        if len(key) > _METADATA_KEY_LENGTH:
            raise refused(
                f"Metadata keys can be at most {_METADATA_KEY_LENGTH} characters long; '{key}' is {len(key)}.",
                param=path,
            )
        if len(value) > _METADATA_VALUE_LENGTH:
            raise refused(
                f"Metadata values can have up to {_METADATA_VALUE_LENGTH} characters, but you passed in a value that"
                f" is {len(value)} characters.",
                param=f"{path}[{key}]",
            )


def _join(path: str, key: str) -> str:
    return f"{path}[{key}]" if path else key


def _check_currency(code: str, path: str) -> None:
    if code in CURRENCIES:
        return
    if code.lower() in CURRENCIES:
        raise refused(f"Invalid currency: {code}. Three-letter ISO codes are written in lowercase.", param=path)
    raise refused(
        f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(sorted(CURRENCIES))}",
        param=path,
    )
