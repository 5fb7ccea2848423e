"""What goes on in the stand-ins: what customers and their banks do in Stripe, and who hears of it."""

_PAYING = 12
_DISPUTED_CENTS = 5_000


def deliver_events(sandbox_url: str, webhook_url: str, secret: str) -> None:
    """Let the stand-in deliver its events, signed, as they happen."""
    endpoint = {"url": webhook_url, "secret": secret}
    _control(sandbox_url, "PUT", "/stripe/webhooks", {"endpoints": [endpoint], "automatic": True})


def trust_webhooks(sandbox_url: str, name: str, secret: str) -> None:
    """Let the stand-in's receiver of webhooks judge signatures by a secret."""
    _control(sandbox_url, "PUT", f"/hooks/{name}", {"secret": secret})


def let_customers_pay(sandbox_url: str) -> int:
    """Let some customers pay, one fail to and one dispute; return how many paid, none where that was done before."""
    if _list(sandbox_url, "charge"):
        return 0
    due = [invoice["id"] for invoice in _list(sandbox_url, "invoice", status="open")]
    declined, paying = due[:1], due[1 : _PAYING + 1]
    for invoice in declined:
        _control(sandbox_url, "POST", f"/stripe/invoices/{invoice}/fail", {})
    for invoice in paying:
        _control(sandbox_url, "POST", f"/stripe/invoices/{invoice}/pay", {})
    for invoice in paying[:1]:
        _control(sandbox_url, "POST", f"/stripe/invoices/{invoice}/dispute", {"amount": _DISPUTED_CENTS})
    for invoice in paying[1:2]:
        _control(sandbox_url, "POST", f"/stripe/invoices/{invoice}/refund", {"amount": _DISPUTED_CENTS})
    return len(paying)


def _list(sandbox_url: str, kind: str, **where: str) -> list[dict[str, str]]:
    import httpx

    answer = httpx.get(f"{sandbox_url}/control/stripe/objects/{kind}", params=where).raise_for_status()
    found: list[dict[str, str]] = answer.json()["data"]
    return found


def _control(sandbox_url: str, method: str, path: str, body: dict[str, object]) -> None:
    import httpx

    httpx.request(method, f"{sandbox_url}/control{path}", json=body).raise_for_status()
