"""Monthly billing: the main job."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Organization
from billing.jobs.anew import describe_mails, describe_new, describe_superseded
from billing.jobs.columns import COLUMNS
from billing.jobs.covering import MonthlyParams
from billing.jobs.delivery import delivery_steps, void_steps
from billing.jobs.slots import BilledBySlot, take_left_over
from billing.models import Invoice, InvoiceDelivery
from billing.selectors.due import keep_who_was_there, list_billable, list_due
from billing.selectors.summaries import list_meter_codes, list_unbilled, summarize_run
from billing.services.comparing import check_books
from billing.services.computing import Computed, compute_invoices
from billing.services.correcting import Superseded, set_aside_issued, supersede_invoices
from billing.services.drafts import Draft, describe_draft, describe_early
from billing.services.locking import lock_accounts_of
from billing.services.numbering import finalize_invoices
from common.clock import Month, now, previous_month
from common.errors import NotYet, Permanent, Retryable, WorkError
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Step, get_job, job
from jobs.services import read_params, start
from onlyfans.selectors import list_creators_to_pull
from onlyfans.services.pulling import open_gateway, pull_month, store_statement

# A month further back than this is more often a slip of the pen than meant.
_USUAL_MONTHS_BACK = 12


@job(
    "monthly-billing",
    title="Monthly billing",
    schedule="0 2 1 * *",
    # Organizations with an invoice day of their own.
    more_schedules={"other-days": "0 2 2-31 * *"},
    # Each day takes those due by then for its own month: none may be left out.
    catch_up="all",
    overlap="forbid",
    queue="billing",
    permission="billing.run_billing",
    moves_money=True,
    batch_size=500,
    http=True,
)
class MonthlyBilling(BilledBySlot):
    """Bills every active organization for one month: earnings, invoice, number, delivery."""

    columns = COLUMNS
    about_pause = (
        "Nobody due is forgotten: the first run after it bills everybody due by then, and goes on with former months "
        "that still have somebody due."
    )
    summary_order = (
        "month",
        "due_by",
        "dry_run",
        "organizations",
        "invoices",
        "held",
        "early_figures",
        "errors",
        "not_delivered",
        "revenue_cents",
        "seconds",
    )
    summary_titles = MappingProxyType({"revenue_cents": "Invoiced, with tax"})

    class Params(MonthlyParams):
        """What can be asked of a month's billing."""

    def is_whole(self) -> bool:
        """Count the main schedule's run as the month's; those of other days expect only who has such a day."""
        return bool(self.params.covers_month())

    def check(self) -> dict[str, str]:
        """Refuse a month that has not ended, organizations nobody knows, and reissuing for all."""
        errors = {}
        if self.params.month >= Month.of(now()):
            errors["month"] = f"{self.params.month} has not ended yet; the last month that has is {previous_month()}."
        if wrong := self.params.check_day():
            errors["due_by"] = wrong
        known = Organization.objects.filter(pk__in=self.params.organizations).values_list("pk", flat=True)
        if unknown := sorted(set(self.params.organizations) - set(known)):
            errors["organizations"] = f"There is no organization {', '.join(unknown)}."
        if self.params.regenerate and not self.params.organizations:
            errors["regenerate"] = "Name the organizations whose invoices are to be made anew."
        return errors

    def needs_reason(self) -> bool:
        """Correcting what is issued must be explained, and so must going back further than a year."""
        is_long_ago = self.params.month < previous_month().plus(-_USUAL_MONTHS_BACK)
        return bool(self.params.regenerate) or (is_long_ago and not self.params.dry_run)

    def previews_first(self) -> bool:
        """Show what would be taken back, issued and mailed before anything issued is billed anew."""
        return bool(self.params.regenerate)

    def overlap_scope(self) -> str:
        """Allow some organizations to be billed beside the whole month, but not the same ones twice."""
        day = [f"due {self.params.due_by}"] if self.params.due_by else []
        return ":".join([str(self.params.month), *day, *sorted(self.params.organizations)])

    def keys(self) -> Iterable[str]:
        """Expect the organizations that were named, those that are due, or every active one."""
        return _read_keys(self._list_wanted())

    def keys_at(self, moment: dt.datetime) -> Iterable[str]:
        """Leave out who came, was unparked or became active again only later, unless named."""
        wanted = self._list_wanted()
        return _read_keys(wanted if self.params.organizations else keep_who_was_there(wanted, moment))

    def _list_wanted(self) -> QuerySet[Organization]:
        if self.params.organizations:
            return Organization.objects.filter(pk__in=self.params.organizations)
        if self.params.due_by:
            return list_due(self.params.month, self.params.due_by)
        return list_billable(self.params.month)

    def steps(self) -> Sequence[Step]:
        """List the steps; what is switched off in settings or by a parameter is left out."""
        first = (
            Step("earnings", self.earnings),
            Step("compute", self.compute, atomic=True),
            *((Step("books", self.compare, dry_run=False),) if settings.INVOICE_ENABLE_STRIPE else ()),
            Step("number", self.number, atomic=True, dry_run=False),
        )
        if not self.params.deliver:
            return first
        return first + delivery_steps(self.find_invoices, self.params, self._list_issued) + void_steps(self._list_void)

    def earnings(self, keys: Sequence[str], context: Context) -> None:
        """Pull the month's earnings of active creators for whom none were ingested since it ended.

        Without a gateway, earnings are only ever ingested; what comes after billing is trued up on the next invoice.
        """
        if not settings.ONLYFANS_API_URL:
            return
        month = self.params.month
        creators = defaultdict(list)
        for creator in list_creators_to_pull(list_unbilled(keys, month), month.first_day):
            creators[creator.organization_id].append(creator)
        if not creators:
            return
        with open_gateway() as gateway:

            def pull(key: str) -> None:
                errors: list[WorkError] = []
                for creator in creators[key]:
                    context.check()
                    try:
                        statement = pull_month(
                            gateway, creator, month, now(), keeps=not context.dry_run, check=context.check
                        )
                    except (Permanent, Retryable) as error:
                        errors.append(error)
                        continue
                    # Not since the batch was claimed: what came by other means meanwhile is older than this.
                    answered_at = now()
                    if context.dry_run:
                        context.scratch.setdefault(key, []).append((creator.pk, statement, answered_at))
                    else:
                        store_statement(creator.pk, statement, answered_at)
                if errors:
                    raise _together(errors)

            context.map(pull, creators)

    def compute(self, keys: Sequence[str], context: Context) -> None:
        """Compute the drafts of a batch, or find what is there."""
        month = self.params.month
        lock_accounts_of(keys)
        for creator_id, statement, answered_at in [pulled for key in keys for pulled in context.scratch.get(key, ())]:
            store_statement(creator_id, statement, answered_at)
        if self.params.regenerate:
            for key in keys:
                self._compute_anew(key, context)
            return
        already = set_aside_issued(keys, month) if context.dry_run else {}
        self._note_computed(self._compute(keys, context), already, context)

    def _compute(self, keys: Sequence[str], context: Context) -> Computed:
        by_name = bool(self.params.organizations)
        return compute_invoices(keys, self.params.month, run_id=context.run.pk, by_name=by_name)

    def _compute_anew(self, key: str, context: Context) -> None:
        """Correct what is issued and compute the month anew; where that is refused, what is issued stands."""
        month, run = self.params.month, context.run
        with transaction.atomic():
            superseded = supersede_invoices([key], month, run=run, now=now())
            computed = self._compute([key], context)
            if computed.refused or computed.left_out:
                transaction.set_rollback(True)
        issued = [one.invoice for one in superseded]
        self._note_computed(computed, {one.organization_id: (str(one), one.total_cents) for one in issued}, context)
        if superseded and key in computed.drafts:
            self._note_anew(key, superseded, computed.drafts[key], context)

    def _note_anew(self, key: str, superseded: list[Superseded], draft: Draft, context: Context) -> None:
        """Say what became of what was issued, and beforehand what would become of it and who gets which mail."""
        said = [describe_superseded(superseded), describe_new(draft)]
        if context.dry_run:
            said.append(describe_mails(superseded, draft, is_on=self.params.deliver and self.params.email))
        context.note(key, note=" ".join([*said, describe_early(draft)]).rstrip())

    def _note_computed(self, computed: Computed, already: dict[str, tuple[str, int]], context: Context) -> None:
        for key, error in computed.refused.items():
            context.fail(key, error)
        for key, note in computed.left_out.items():
            context.skip(key, note)
        self._note_existing(computed.existing, context)
        for key, draft in computed.drafts.items():
            context.note(key, **describe_draft(draft))
            if key in already:
                context.note(key, already_number=already[key][0], already_cents=already[key][1])
            if early := describe_early(draft):
                context.note(key, early_figures=len(draft.early_creators), note=early)
            if draft.unpriced_meters:
                context.note(key, usage_without_a_price=list_meter_codes(draft.unpriced_meters))
            if key in already and not self.params.regenerate:
                note = (
                    f"Billed already as {already[key][0]}; a run leaves it as it is, and delivers what is undelivered."
                )
                context.note(key, status=Invoice.Status.FINALIZED.value, note=note)
            else:
                self._note_not_issued(key, draft, context)

    def _note_not_issued(self, key: str, draft: Draft, context: Context) -> None:
        """Say why a draft is not issued; what was corrected to make room for it is delivered all the same."""
        note = ""
        if draft.status == Invoice.Status.HELD:
            note = f"Held for approval: {draft.held_reason} {describe_early(draft)}".rstrip()
        elif draft.status == Invoice.Status.NOTHING_DUE:
            note = "Nothing is due."
        if note and self.params.regenerate and not context.dry_run:
            context.note(key, note=note)
        elif note:
            context.skip(key, note)

    @staticmethod
    def _note_existing(existing: dict[str, tuple[int, str]], context: Context) -> None:
        """Say what is there already: issued, or computed by a worker that died or before a person approved it.

        What this run issued itself, by a worker that died before it could say so, counts as this run's.
        """
        found = Invoice.objects.filter(pk__in=[id_ for id_, _ in existing.values()])
        ours = found.filter(Q(status=Invoice.Status.DRAFT) | Q(run=context.run)).in_bulk()
        for key, (invoice_id, status) in existing.items():
            note = "Billed already."
            if invoice := ours.get(invoice_id):
                context.note(key, currency=invoice.currency, total_cents=invoice.total_cents)
                if invoice.number:
                    context.note(key, number=invoice.number)
                note = "Computed before."
            context.note(key, invoice_id=invoice_id, status=status, note=note)

    def compare(self, keys: Sequence[str], context: Context) -> None:
        """Where numbers are to be given, look whether Stripe has documents of ours that our books don't."""
        ids = [context.items[key].result["invoice_id"] for key in keys]
        if not Invoice.objects.filter(pk__in=ids, status=Invoice.Status.DRAFT).exists():
            return
        try:
            check_books(context.run)
        except (Permanent, Retryable) as error:
            # Each alone would ask Stripe again.
            for key in keys:
                context.fail(key, error)

    def number(self, keys: Sequence[str], context: Context) -> None:
        """Finalize the drafts of a batch; what a person decided or who was parked since it was computed counts."""
        ids = {context.items[key].result["invoice_id"]: key for key in keys}
        numbers = finalize_invoices(ids, now())
        for invoice_id, number in numbers.items():
            context.note(ids[invoice_id], number=number, status=Invoice.Status.FINALIZED.value)
        if not self.params.regenerate:
            self._skip_what_was_kept_back({id_: key for id_, key in ids.items() if id_ not in numbers}, context)

    @staticmethod
    def _skip_what_was_kept_back(ids: dict[int, str], context: Context) -> None:
        unissued = Invoice.objects.filter(pk__in=ids, number=None).select_related("organization__billing_account")
        for invoice in unissued:
            account = invoice.organization.billing_account
            note = f"Not issued: it is {invoice.get_status_display().lower()} now."
            context.skip(ids[invoice.pk], f"Parked: {account.parked_reason}" if account.is_parked else note)
            context.note(ids[invoice.pk], status=invoice.status)

    def _list_issued(self, keys: Sequence[str]) -> QuerySet[Invoice]:
        """List organizations' issued documents of the month: the invoice, and credit notes on former ones."""
        month = self.params.month.first_day
        return Invoice.objects.filter(
            organization__in=keys, month=month, number__isnull=False, status__in=Invoice.ISSUED
        )

    def find_invoices(self, key: str) -> list[int]:
        """Find an organization's documents to deliver."""
        return list(self._list_issued([key]).order_by("pk").values_list("pk", flat=True))

    def _list_void(self, keys: Sequence[str]) -> Iterable[tuple[str, int]]:
        """List organizations' void documents of the month that are still to be voided in Stripe."""
        asked = InvoiceDelivery.objects.filter(
            invoice__organization__in=keys,
            invoice__month=self.params.month.first_day,
            step=InvoiceDelivery.Step.STRIPE_VOID,
        )
        return asked.exclude(status=InvoiceDelivery.Status.DONE).values_list("invoice__organization", "invoice")

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Sum the run up for finance staff."""
        due_by = {"due_by": str(self.params.due_by)} if self.params.due_by else {}
        return {**summarize_run(run, self.params.month), **due_by}

    def finish(self, run: JobRun) -> None:
        """Go on with months that were left over; send the summary where it is wanted.

        The summary's slot is the run, so it is sent once.
        """
        take_left_over(self, run)
        if self.params.due_by and not run.expected and not run.error:
            # A day on which nobody is due is no news.
            return
        if settings.NOTIFY_ON_COMPLETION and settings.NOTIFY_EMAIL and not run.dry_run:
            declared = get_job("billing-summary")
            params = read_params(declared, {"run": run.pk})
            start(declared, params, JobRun.Trigger.JOB, slot=f"run {run.pk}", parent=run)

    @classmethod
    def names(cls, keys: Sequence[str]) -> dict[str, str]:
        """Name the organizations."""
        return dict(Organization.objects.filter(pk__in=keys).values_list("pk", "name"))

    @classmethod
    def link(cls, key: str, result: dict[str, Any]) -> tuple[str, str] | None:
        """Lead to the invoice, or to the organization where there is none."""
        if invoice_id := result.get("invoice_id"):
            return result.get("number") or "Invoice", f"billing_invoice:{invoice_id}"
        return key, f"accounts_organization:{key}"


def _read_keys(organizations: QuerySet[Organization]) -> Iterable[str]:
    return organizations.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=20_000)


def _together(errors: Sequence[WorkError]) -> WorkError:
    """Say all that is wrong at once; where any of it may heal, all is tried again."""
    if len(errors) == 1:
        return errors[0]
    said = " ".join(error.message for error in errors)
    waits = [error.retry_after or 0 for error in errors if isinstance(error, Retryable)]
    if all(isinstance(error, NotYet) for error in errors):
        return NotYet(said, retry_after=max(waits))
    return Retryable(said, retry_after=max(waits) or None) if waits else Permanent(said)
