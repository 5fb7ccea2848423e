"""What billing shows on the pages of organizations and creators."""

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Organization
from accounts.panels import Cell, Panel, add_panel
from billing.admin.words import INVOICE_TONES, describe_billing
from billing.models import BillingAccount, CommissionStatement, Invoice
from billing.selectors.customer_credit import describe_credits
from common.money import format_money
from onlyfans.models import CreatorAccount

_SHOWN = 12


def billing_account_panel(request: HttpRequest, organization: Organization) -> Panel | None:
    """Show how an organization is billed."""
    if not request.user.has_perm("billing.view_billingaccount"):
        return None
    account = BillingAccount.objects.filter(organization=organization).select_related("plan", "organization").first()
    add = f"{reverse('admin:billing_billingaccount_add')}?organization={organization.pk}"
    may_add = request.user.has_perm("billing.add_billingaccount")
    if account is None:
        empty = "There is no billing account: this organization can't be billed."
        return Panel("Billing", empty=empty, action=("Choose a plan", add) if may_add else None)
    text, tone = describe_billing(account)
    row = (
        Cell(account.plan.name, reverse("admin:billing_plan_change", args=[account.plan_id])),
        Cell(text, tone=tone),
        account.recipient or "No address",
        account.parked_reason or "-",
        describe_credits(organization.pk) or "-",
    )
    address = reverse("admin:billing_billingaccount_change", args=[account.pk])
    headers = ("Plan", "State", "Invoices go to", "Parked because", "Credit outside Stripe")
    return Panel("Billing", headers, (row,), action=("Billing account", address))


def invoices_panel(request: HttpRequest, organization: Organization) -> Panel | None:
    """Show an organization's last invoices."""
    if not request.user.has_perm("billing.view_invoice"):
        return None
    invoices = Invoice.objects.filter(organization=organization).order_by("-month", "-id")[:_SHOWN]
    headers = ("Number", "Month", "Kind", "State", Cell("Total", numeric=True))
    rows = [
        (
            Cell(invoice.number or "No number", reverse("admin:billing_invoice_change", args=[invoice.pk])),
            str(invoice.period),
            invoice.get_kind_display(),
            Cell(invoice.get_status_display(), tone=INVOICE_TONES.get(invoice.status, "") or "neutral"),
            Cell(format_money(invoice.total_cents, invoice.currency), numeric=True),
        )
        for invoice in invoices
    ]
    address = f"{reverse('admin:billing_invoice_changelist')}?q={organization.pk}"
    action = ("All invoices", address) if rows else None
    return Panel("Invoices", headers, rows, "No month was billed yet.", action=action)


def statements_panel(request: HttpRequest, creator: CreatorAccount) -> Panel | None:
    """Show what a creator's months came to."""
    if not request.user.has_perm("billing.view_commissionstatement"):
        return None
    statements = CommissionStatement.objects.filter(creator=creator).select_related("invoice").order_by("-month")
    amounts = ("Gross", "Net", "Carried in", "Basis", "Commission", "Carried on")
    headers: list[str | Cell] = ["Month", *(Cell(name, numeric=True) for name in amounts), "Invoice"]
    rows = [_statement_row(statement) for statement in statements[: 2 * _SHOWN]]
    return Panel("Commission statements", headers, rows, "No month of this creator was billed yet.")


def _statement_row(statement: CommissionStatement) -> tuple[str | Cell, ...]:
    names = ("gross", "net", "carried_in", "basis", "commission", "carried")
    amounts = (getattr(statement, f"{name}_cents") for name in names)
    invoice = statement.invoice
    return (
        f"{statement.month:%Y-%m}",
        *(Cell(format_money(cents, invoice.currency), numeric=True) for cents in amounts),
        Cell(invoice.number or "No number", reverse("admin:billing_invoice_change", args=[invoice.pk])),
    )


def register() -> None:
    """Put billing's panels on the pages of what they are about."""
    add_panel(Organization, billing_account_panel)
    add_panel(Organization, invoices_panel)
    add_panel(CreatorAccount, statements_panel)
