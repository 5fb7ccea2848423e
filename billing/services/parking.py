"""Parking: an organization that billing leaves out until somebody says otherwise."""

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import record_action
from billing.models import BillingAccount
from common.clock import now
from common.errors import Permanent

if TYPE_CHECKING:
    from accounts.models import User


@transaction.atomic
def park_account(account_id: int, *, actor: "User | None", reason: str) -> BillingAccount:
    """Leave an organization out of billing from now on; the reason is shown wherever it is missed."""
    account = BillingAccount.objects.select_for_update().get(pk=account_id)
    if not reason.strip():
        raise Permanent("Say why: the reason is shown wherever the organization is missed.")
    if account.is_parked:
        raise Permanent(f"{account} is parked already: {account.parked_reason}")
    account.parked_at, account.parked_reason, account.parked_by = now(), reason.strip(), actor
    account.save(update_fields=["parked_at", "parked_reason", "parked_by"])
    record_action("park", account, actor=actor, after={"parked_at": account.parked_at}, reason=reason)
    return account


@transaction.atomic
def unpark_account(account_id: int, *, actor: "User | None", reason: str) -> BillingAccount:
    """Bill an organization again from the next run on; months missed are billed by running them for it."""
    account = BillingAccount.objects.select_for_update().get(pk=account_id)
    if not account.is_parked:
        raise Permanent(f"{account} is not parked.")
    before = {"parked_at": account.parked_at, "parked_reason": account.parked_reason}
    account.parked_at, account.parked_reason, account.parked_by = None, "", None
    account.save(update_fields=["parked_at", "parked_reason", "parked_by"])
    record_action("unpark", account, actor=actor, before=before, reason=reason)
    return account
