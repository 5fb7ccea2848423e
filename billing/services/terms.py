"""Plan terms as they stood when a month was billed, each distinct set kept once."""

import hashlib
import json

from billing.models import PlanTerms
from billing.pricing import Terms


def keep_terms(terms: dict[int, Terms]) -> dict[int, int]:
    """Keep the terms of these plans; return the id of what is kept, by plan. Idempotent by their content."""
    kept = {}
    for plan_id, one in terms.items():
        values = one.to_json()
        text = json.dumps([plan_id, values], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        row, _ = PlanTerms.objects.get_or_create(digest=digest, defaults={"plan_id": plan_id, "terms": values})
        kept[plan_id] = row.pk
    return kept
