"""The shipped proxy's configuration, run as it is: callers who send slowly, or stop, slow nobody else."""

import datetime as dt
import getpass
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accounts.models import AuditEntry
from tests.commandline import ROOT
from tests.server import free_ports, running_server

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SHIPPED = ROOT / "infrastructure" / "nginx" / "huntaze.conf"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(NGINX is None, reason="nginx is missing: apt-get install nginx-light"),
]
_MAIN = """
daemon off;
user {account};
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {home}/bodies;
    proxy_temp_path {home}/proxied;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/huntaze.conf;
}}
"""
_SLOW = 100
# So many requests of one address are looked at together: an office behind one address is far below that.
_HELD = 200
_SILENCE_SECONDS = 10
_PAGES = ("/healthz", "/admin/login/", "/api/schema/")


def _write_certificate(home: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    (home / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (home / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))


@contextmanager
def _running_proxy(home: Path, behind: str) -> Iterator[int]:
    """Run nginx by the shipped file, with other ports and a certificate of our own; yields its port."""
    http, https = free_ports(2)
    _write_certificate(home)
    text = SHIPPED.read_text()
    for shipped, ours in (
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;"),
        ("server 127.0.0.1:8000;", f"server {urlsplit(behind).netloc};"),
        ("/etc/huntaze/tls", str(home)),
    ):
        assert shipped in text
        text = text.replace(shipped, ours)
    (home / "huntaze.conf").write_text(text)
    (home / "nginx.conf").write_text(_MAIN.format(home=home, account=getpass.getuser()))
    process = subprocess.Popen([str(NGINX), "-p", home, "-c", home / "nginx.conf"])
    try:
        _wait(https, process)
        yield https
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError("nginx did not come up")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[int]:
    """Run the web server behind the proxy."""
    home = tmp_path / "nginx"
    home.mkdir()
    with (
        running_server(tmp_path / "log", CLIENT_ADDRESS_HEADER="X-Real-IP") as behind,
        _running_proxy(home, behind) as port,
    ):
        yield port


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _ask(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"https://localhost:{port}", verify=_trusting(), timeout=20)


def _open(port: int) -> socket.socket:
    return _trusting().wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname="localhost"
    )


def _await_end(slow: socket.socket) -> None:
    """Wait until the proxy has cut a caller off; TimeoutError where it does not."""
    with suppress(ConnectionError, ssl.SSLError):
        while slow.recv(1_000):
            pass


def _longest(client: httpx.Client, rounds: int) -> float:
    """Ask for several pages in turn; return how long the longest answer took."""
    taken = []
    for page in _PAGES * rounds:
        begun = time.monotonic()
        assert client.get(page).status_code == 200
        taken.append(time.monotonic() - begun)
    return max(taken)


def test_a_hundred_callers_who_stop_slow_nobody_and_are_cut_off(house: int) -> None:
    heads = (
        b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\na",
        b"POST /api/webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"GET /admin/login/ HTTP/1.1\r\nHost: local",
    )
    with ExitStack() as stack, _ask(house) as client:
        _longest(client, 1)
        sockets = [stack.enter_context(_open(house)) for _ in range(_SLOW)]
        begun = time.monotonic()
        for number, slow in enumerate(sockets):
            slow.sendall(heads[number % len(heads)])
        assert _longest(client, 5) < 1
        for slow in sockets:
            _await_end(slow)
        assert time.monotonic() - begun < _SILENCE_SECONDS + 10
        assert _longest(client, 1) < 1


def test_the_proxy_writes_who_calls_whatever_the_caller_says(house: int) -> None:
    forged = {"X-Real-IP": "203.0.113.7", "X_Real_IP": "203.0.113.8", "X-Forwarded-For": "203.0.113.9"}
    with _ask(house) as client:
        body = {"email": "nobody@example.test", "password": "wrong"}
        assert client.post("/api/auth/token", json=body, headers=forged).status_code == 401
        assert client.post("/api/auth/token", content=b"x" * (2 * 1024 * 1024 + 1)).status_code == 413
    assert AuditEntry.objects.get(verb="log-in-failed").address == "127.0.0.1"


def test_who_is_refused_without_a_look_at_the_body_hears_why(house: int) -> None:
    body = b"x" * (2 * 1024 * 1024 - 1)
    with _ask(house) as client:
        answers = [
            client.post(page, content=body, headers={"Content-Type": kind}).status_code
            for _ in range(20)
            for page, kind in (("/api/auth/token", "text/plain"), ("/api/cron/hourly-usage", "application/json"))
        ]
    assert answers == [415, 403] * 20


def test_a_caller_who_holds_connections_leaves_enough_for_everybody_else(house: int) -> None:
    head = b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(_HELD):
            slow = stack.enter_context(_open(house))
            slow.sendall(head + b"a")
        one_more = stack.enter_context(_open(house))
        one_more.sendall(head)
        assert one_more.recv(1_000).startswith(b"HTTP/1.1 429 ")
        elsewhere = httpx.HTTPTransport(verify=_trusting(), local_address="127.0.0.2")
        with httpx.Client(transport=elsewhere, timeout=20) as client:
            assert client.get(f"https://localhost:{house}/healthz").status_code == 200
