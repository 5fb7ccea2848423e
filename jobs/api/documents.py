"""What the OpenAPI document says of the cron API: an address for each job, with the job's own parameters."""

from typing import Any

from common.api.models import describe_model
from jobs.api.deliveries import KEY_HEADER, LONGEST_WAIT, WAIT
from jobs.api.models import outside_params
from jobs.registry import Job, list_jobs

_PATTERN = "/api/cron/{name}"
_TEXT = {"type": "string"}
_EVENT: dict[str, Any] = {
    "type": "object",
    "title": "Event",
    "description": "What EventBridge sends: the parameters are its detail, and its id names the delivery.",
    "required": ["detail-type", "source", "detail"],
    "properties": {
        "id": {**_TEXT, "minLength": 1, "maxLength": 255},
        "time": {**_TEXT, "format": "date-time"},
        "detail-type": _TEXT,
        "source": _TEXT,
    },
}


def document_jobs(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put each job's address in the place of the one that stands for all."""
    pattern = result["paths"].pop(_PATTERN, None)
    for job in list_jobs() if pattern else ():
        if job.http:
            schema, parts = describe_model(outside_params(job.Params), "validation")
            result["components"]["schemas"] |= {**parts, schema["title"]: schema}
            result["paths"][f"/api/cron/{job.name}"] = {
                method: _operation(job, method, schema, operation) for method, operation in pattern.items()
            }
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _operation(job: type[Job], method: str, schema: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    name = schema["title"]
    said = {
        **operation,
        "operationId": f"cron_{job.name.replace('-', '_')}_{method}",
        "summary": f"Start {job.title.lower()}",
        "description": f"{job.__doc__ or ''}\n\n{operation.get('description', '')}".strip(),
        "parameters": [*_parameters(job), *(_ask(key, part) for key, part in schema.get("properties", {}).items())],
        "responses": {**operation["responses"], "200": _either(operation["responses"]["200"])},
    }
    if method == "post":
        params = {"$ref": f"#/components/schemas/{name}"}
        body = {"anyOf": [params, {**_EVENT, "properties": {**_EVENT["properties"], "detail": params}}]}
        said["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return said


def _parameters(job: type[Job]) -> list[dict[str, Any]]:
    wait = f"Answer at the run's end, after so many seconds at the latest; {job.http_wait} unless given."
    key = "Names the delivery: the same one again gives the same run."
    return [
        _ask(WAIT, {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "description": wait}),
        {"name": KEY_HEADER, "in": "header", "schema": {"type": "string", "maxLength": 255}, "description": key},
    ]


def _ask(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    shape = {key: value for key, value in schema.items() if key != "description"}
    kinds = [kind for kind in shape.pop("anyOf", ()) if kind != {"type": "null"}]
    if kinds:
        # An address has no null: what is not given is left out.
        shape.pop("default", None)
        shape |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return {"name": name, "in": "query", "schema": shape, "description": schema.get("description", "")}


def _either(answer: dict[str, Any]) -> dict[str, Any]:
    """A call that did not wait is answered with less."""
    names = [{"$ref": f"#/components/schemas/{name}"} for name in ("RunAnswer", "StartedAnswer")]
    return {**answer, "content": {"application/json": {"schema": {"anyOf": names}}}}
