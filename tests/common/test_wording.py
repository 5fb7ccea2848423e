"""What is wrong with something is said in sentences, for each kind of fault that pydantic finds."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from common.clock import Month
from common.wording import explain_errors, name_some

INSTANT = "Give an instant with its time zone, like 2026-10-01T02:00:00Z."
DAY = "Give a day, like 2026-10-01."
Size = enum.Enum("Size", [("SMALL", "small"), ("LARGE", "large")])


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    count: int


def explain(kind: Any, value: Any, **wanted: str) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(value)
    return explain_errors(raised.value, wanted)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (int, "x", "Give a whole number."),
        (int, None, "Give a whole number."),
        (int, 1.5, "Give a whole number, without a fraction."),
        (int, "9" * 5_000, "This number is beyond reason."),
        (Annotated[int, Field(ge=1_000)], 1, "Give at least 1,000."),
        (Annotated[int, Field(le=1)], 2, "Give at most 1."),
        (Annotated[int, Field(gt=1)], 1, "Give more than 1."),
        (Annotated[int, Field(lt=1)], 1, "Give less than 1."),
        (float, "x", "Give a number."),
        (float, None, "Give a number."),
        (Decimal, "x", "Give a number."),
        (Decimal, [], "Give a number."),
        (str, 1, "Give a text."),
        (Annotated[str, Field(min_length=1)], "", "Give at least 1 character."),
        (Annotated[str, Field(max_length=2)], "xxx", "Give at most 2 characters."),
        (Annotated[str, Field(pattern="^a$")], "b", "This is not written as it must be."),
        (Annotated[list[int], Field(min_length=2)], [], "Give at least 2 entries."),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "Give at most 1 entry."),
        (list[int], 1, "Give a list."),
        (tuple[int, ...], 1, "Give a list."),
        (dict[str, int], 1, "Give an object."),
        (Part, 1, "Give an object."),
        (bool, "perhaps", "Give true or false."),
        (bool, None, "Give true or false."),
        (Literal["a", "b", "c"], "d", "Give a, b or c."),
        (Size, "medium", "Give small or large."),
        (dt.date, "soon", DAY),
        (dt.date, [], DAY),
        (AwareDatetime, "soon", INSTANT),
        (AwareDatetime, [], INSTANT),
        (AwareDatetime, "2026-10-01T00:00:00", INSTANT),
        (Month, "2026-13", "“2026-13” is not a month: write it as year and month, like 2026-10."),
        (Month, 7, "Give a text."),
    ],
    ids=str,
)
def test_each_kind_of_fault_has_its_sentence(kind: Any, value: Any, said: str) -> None:
    assert explain(kind, value) == [("", said)]


def test_fields_are_named_as_their_sender_names_them() -> None:
    assert explain(list[Part], [{}, {"count": "1", "more": 1}]) == [
        ("0.count", "This is required."),
        ("1.count", "Give a whole number."),
        ("1.more", "There is no such field."),
    ]


def test_a_name_that_is_at_fault_is_the_field() -> None:
    names = dict[Literal["tips", "posts"], int]
    assert explain(names, {"gifts": 1}) == [("gifts", "There is no such name here: use tips or posts.")]


def test_a_field_can_say_itself_how_its_text_is_written() -> None:
    code = Annotated[str, Field(pattern="^[A-Z]$")]

    class Thing(BaseModel):
        code_of: Annotated[str, Field(pattern="^[A-Z]$")] = ""
        by_code: dict[code, list[code]] = {}

    given = {"code_of": "a", "by_code": {"b": ["c"], "D": ["e"]}}
    assert explain(Thing, given, code_of="Give a letter.", by_code="Name a letter.") == [
        ("code_of", "Give a letter."),
        ("by_code.b", "Name a letter."),
        ("by_code.b.0", "This is not written as it must be."),
        ("by_code.D.0", "This is not written as it must be."),
    ]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=8,
)


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: Annotated[int, Field(strict=True, ge=0, le=9)]
    amount: Decimal
    text: Annotated[str, Field(min_length=1, max_length=3, pattern="^a")]
    day: dt.date
    at: AwareDatetime
    month: Month
    parts: dict[Literal["tips"], Part]
    words: tuple[Annotated[str, Field(max_length=2)], ...]
    loud: bool


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Everything.model_fields, anything)))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_sent_each_fault_is_a_sentence_of_ours(value: dict[str, Any]) -> None:
    try:
        Everything.model_validate(value)
    except ValidationError as error:
        for name, said in explain_errors(error):
            assert name and "[key]" not in name
            assert said.endswith(".") and not said.endswith("..")
            assert "nput" not in said and "should" not in said, said


@pytest.mark.parametrize(
    ("names", "count", "said"),
    [
        ([], 0, ""),
        (["A"], 1, "A"),
        (["A", "B"], 2, "A and B"),
        (["A", "B", "C"], 3, "A, B and C"),
        (["A", "B", "C"], 1_010, "A, B, C and 1,007 more"),
    ],
)
def test_a_few_of_many_are_named(names: list[str], count: int, said: str) -> None:
    assert name_some(names, count) == said
