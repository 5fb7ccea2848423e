"""The published schemas: what they say is what is checked."""

import json
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from common.clock import now
from onlyfans.providers.documents import SCHEMAS, get_schema
from onlyfans.providers.results import Rejected, read_result
from tests.onlyfans.results.world import EARNED, SEEN


@pytest.mark.parametrize("place", sorted(SCHEMAS))
def test_the_schemas_are_published(client: Client, place: tuple[str, int]) -> None:
    answer = client.get(f"/api/ingest/schemas/{place[0]}/{place[1]}")
    assert answer.json() == get_schema(*place)
    jsonschema_rs.meta.validate(answer.json())


def test_what_is_not_published(client: Client) -> None:
    assert client.get("/api/ingest/schemas/fans/2").status_code == 404
    assert client.get("/api/ingest/schemas/nothing/1").status_code == 404


_NUMBERS = st.one_of(st.integers(-5, 10**15 + 1), st.just(1.0), st.just(2.5), st.booleans(), st.none(), st.just("1"))
_AMOUNTS = st.fixed_dictionaries({"grossCents": _NUMBERS}, optional={"netCents": _NUMBERS, "more": _NUMBERS})
_MONTHS = st.dictionaries(
    st.sampled_from(["2026-10", "2026-13", "2026-1", "x"]),
    st.dictionaries(st.sampled_from(["tips", "posts", "all"]), st.one_of(_AMOUNTS, st.just(EARNED["tips"]))),
)
_DATA = st.one_of(
    st.fixed_dictionaries({"fans": _NUMBERS, "fansExpired": _NUMBERS}),
    st.fixed_dictionaries({"currency": st.sampled_from(["USD", "usd", "USDX"]), "months": _MONTHS}),
    st.dictionaries(st.text(max_size=3), _NUMBERS),
)
_DOCUMENTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["fans", "earnings"]),
        "version": st.sampled_from([1, 1.0]),
        "userId": st.sampled_from(["ada", "", "a b", "a" * 65, 5]),
        "observedAt": st.sampled_from([SEEN, "2026-11-02T10:00:00.5+02:00", "2026-11-02", "yesterday", 5]),
        "data": _DATA,
    },
    optional={"jobId": st.sampled_from(["1", "a" * 201, None]), "more": st.just(1)},
)


@given(_DOCUMENTS)
@hypothesis_settings(max_examples=150, deadline=None)
def test_what_is_published_is_what_is_checked(document: dict[str, Any]) -> None:
    """Whatever a worker checks by the schema is taken, and nothing else."""
    fits = jsonschema_rs.validator_for(get_schema(document["kind"], 1), validate_formats=True).is_valid(document)
    try:
        read_result(json.dumps(document).encode(), now())
    except Rejected:
        assert not fits
    else:
        assert fits
