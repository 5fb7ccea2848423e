"""The account itself: enough to see that a key works."""

from sandbox.store import Document
from sandbox.stripe.world import ACCOUNT, Call, Handler, World


def retrieve(world: World, call: Call) -> Document:
    return {
        "id": ACCOUNT,
        "object": "account",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "payouts_enabled": True,
        "type": "standard",
    }


def balance(world: World, call: Call) -> Document:
    nothing = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
    return {"object": "balance", "available": nothing, "livemode": False, "pending": nothing}


OPERATIONS: dict[str, Handler] = {"GET /v1/account": retrieve, "GET /v1/balance": balance}
