"""Everything that the sandbox holds."""

from dataclasses import dataclass
from pathlib import Path

from sandbox import hooks, mail
from sandbox.exchange import Network
from sandbox.onlyfans import Gateway
from sandbox.store import Store
from sandbox.stripe.api import StripeApi


@dataclass
class World:
    """The state behind both servers, for pages and controls."""

    store: Store
    network: Network
    mailbox: mail.Mailbox
    hooks: hooks.Receiver
    stripe: StripeApi
    gateway: Gateway


def make_world(data_dir: Path | None) -> World:
    """The state, from the files of `data_dir` or in memory."""
    if data_dir:
        data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(data_dir / "sandbox.sqlite3" if data_dir else None)
    network = Network()
    mailbox = mail.Mailbox(data_dir / "mail.sqlite3" if data_dir else None, network.faults)
    receiver = hooks.Receiver(data_dir / "hooks.sqlite3" if data_dir else None)
    return World(store, network, mailbox, receiver, StripeApi(store, network), Gateway(store, network))
