"""What the OpenAPI document says beyond what the generator finds by itself; imported for its effect."""

from typing import Any

from drf_spectacular.contrib.pydantic import PydanticExtension
from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import ResolvedComponent

from common.api.models import Refusal, describe_model

# The scheme by which people are let in.
TOKEN = "token"  # noqa: S105 - the name of a scheme

_REFUSALS = {
    "400": "Malformed, or a parameter does not fit.",
    "413": "Beyond what is read of a body.",
    "415": "A body that is not JSON.",
    "503": "Not just now; `Retry-After` says when.",
}
_DENIALS = {
    "401": "Nobody was named, or not convincingly.",
    "403": "Not let in.",
    "429": "Too often; `Retry-After` says when.",
}


class ModelDocument(PydanticExtension):
    """Documents a model as it is read where it is sent to us, and as it is written where we answer with it."""

    target_class = "common.api.models.ApiModel"
    match_subclasses = True
    priority = 1

    def get_name(self, auto_schema: Any, direction: str) -> str:
        """Call it what it is called."""
        set_override(self.target, "suppress_collision_warning", True)
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Describe it, with what it consists of as components of their own."""
        schema, parts = describe_model(self.target, "validation" if direction == "request" else "serialization")
        for name, part in parts.items():
            component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part)
            auto_schema.registry.register_on_missing(component)
        return schema


class SecretDocument(OpenApiAuthenticationExtension):
    """Documents a door for machines by its header, under the name of its class."""

    target_class = "common.api.authentication.MachineSecret"
    match_subclasses = True

    def __init__(self, target: Any) -> None:
        super().__init__(target)  # type: ignore[no-untyped-call]  # as the library has it
        self.name = type(target).__name__

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Describe the header."""
        return {"type": "apiKey", "in": "header", "name": self.target.header}


def document_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add to every operation the answers that any of them may give."""
    schema, parts = describe_model(Refusal, "serialization")
    result.setdefault("components", {}).setdefault("schemas", {}).update(parts, Refusal=schema)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for address, operations in result["paths"].items():
        for operation in operations.values():
            for status, text in _refusals(address, operation).items():
                operation["responses"].setdefault(status, {"description": text, "content": content})
    return result


def _refusals(address: str, operation: dict[str, Any]) -> dict[str, str]:
    found = _REFUSALS | ({"403": _DENIALS["403"]} if _is_for_machines(operation) else _DENIALS)
    return found | ({"404": "There is no such thing."} if "{" in address else {})


def _is_for_machines(operation: dict[str, Any]) -> bool:
    schemes = [name for scheme in operation.get("security", ()) for name in scheme]
    return bool(schemes) and TOKEN not in schemes
