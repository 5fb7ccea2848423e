"""The books: whose they are, and by what a document in them is known outside."""

from collections.abc import Iterable

from billing.models import Books, Invoice
from billing.providers.stripe_marks import Identity, read_identity


def get_books() -> Books:
    """Return the books' row, made where there is none yet."""
    return Books.objects.get_or_create(pk=1)[0]


def identify(invoice: Invoice) -> Identity:
    """Return what an issued document is: the same for as long as the books live, also when they are restored."""
    return Identity(
        str(get_books().installation), invoice.organization_id, invoice.month, invoice.kind, invoice.ordinal or 0
    )


def find_by_identity(marks: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Find our issued documents by their marks: id and number by mark, of those that are in our books."""
    read = [found for mark in set(marks) if (found := read_identity(mark)) is not None]
    installation = str(get_books().installation) if read else ""
    wanted = {found: str(found) for found in read if found.installation == installation}
    issued = Invoice.objects.filter(
        number__isnull=False,
        organization__in={found.organization for found in wanted},
        month__in={found.month for found in wanted},
    )
    rows = issued.values_list("pk", "number", "organization_id", "month", "kind", "ordinal")
    known = {
        Identity(installation, organization, month, kind, ordinal or 0): (id_, number or "")
        for id_, number, organization, month, kind, ordinal in (rows if wanted else ())
    }
    return {mark: known[found] for found, mark in wanted.items() if found in known}
