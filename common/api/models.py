"""What the API takes and answers: pydantic models whose JSON is camelCase and whose instants are UTC with `Z`."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from django.db.models import Choices
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from common.api.errors import ApiError, refuse_fields
from common.clock import now
from common.wording import explain_errors


def _in_utc(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("That is beyond the years 1 to 9999 in UTC.") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Schema(GenerateJsonSchema):
    """JSON schema without a title on each field that only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave it out."""
        return False


def describe_model(model: type[BaseModel], mode: JsonSchemaMode) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a model's JSON schema and those of what it consists of, which it points to as OpenAPI components."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode=mode, schema_generator=_Schema)
    return schema, schema.pop("$defs", {})


def one_of(choices: type[Choices]) -> Any:
    """Make the field of a text that is one of a model's choices."""
    return Field(json_schema_extra={"enum": list(choices.values)})


class ApiModel(BaseModel):
    """The base of a body, in or out: camelCase outside, snake_case inside, nothing that is not declared."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Answer(ApiModel):
    """What every answer that went well has."""

    success: bool = True
    timestamp: Instant = Field(default_factory=now)


class Problem(ApiModel):
    """What went wrong: a code for programs, a sentence for people, and sentences by parameter."""

    code: str
    message: str
    fields: dict[str, list[str]] | None = None


class Refusal(ApiModel):
    """The one shape of every answer that did not go well; `fields` is there only where parameters are at fault."""

    success: bool = False
    error: Problem
    timestamp: Instant


def read_model[M: BaseModel](model: type[M], data: object) -> M:
    """Check what a caller sent; ApiError (400) otherwise, which names each parameter as the caller spelled it."""
    if not isinstance(data, dict):
        raise ApiError(400, "Send a JSON object.")
    _refuse_twice_given(model, data)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise refuse_fields(name_errors(error)) from None


def name_errors(error: ValidationError, wanted: Mapping[str, str] = {}) -> dict[str, list[str]]:
    """Gather a validation's sentences by parameter, as `explain_errors` says them."""
    found: dict[str, list[str]] = {}
    for name, said in explain_errors(error, wanted):
        found.setdefault(name or "body", []).append(said)
    return found


def _refuse_twice_given(model: type[BaseModel], data: dict[str, Any]) -> None:
    """Refuse a parameter that is given in both spellings: neither is known to be meant."""
    twice = [
        field.alias
        for name, field in model.model_fields.items()
        if field.alias and field.alias != name and {name, field.alias} <= data.keys()
    ]
    if twice:
        raise refuse_fields({name: ["This is given twice, in two spellings."] for name in twice})
