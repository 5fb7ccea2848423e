"""Where nothing is sent: this machine, private networks, a cloud's own addresses, in whatever disguise."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from alerts.providers.addresses import check_url, may_be_called, read_url, resolve
from alerts.providers.http import post
from common.clock import now
from common.errors import Permanent, Retryable
from tests.alerts.receiver import Receiver

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",  # noqa: S104 - nobody binds
    "224.0.0.1", "255.255.255.255", "192.0.0.192", "198.18.0.1", "168.63.129.16", "::ffff:168.63.129.16",
    "64:ff9b::a83f:8110",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "::127.0.0.1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "::ffff:0:7f00:1", "fec0::1", "5f00::1", "4000::1",
]  # fmt: skip

CLOUDS = ("168.63.129.16", "100.100.100.200", "192.0.0.192")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not may_be_called(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses(address: str) -> None:
    assert may_be_called(address)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0", *CLOUDS],  # noqa: S104 - nobody binds
)
def test_what_is_refused_even_where_private_addresses_are_allowed(address: str) -> None:
    assert not may_be_called(address, allow_private=True)
    assert may_be_called("127.0.0.1", allow_private=True) and may_be_called("10.0.0.1", allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://localhost.:8443/x", "https://[::1]/", "https://[::ffff:7f00:1]/",
        "https://169.254.169.254/latest/meta-data/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
        "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://2852039166/", "https://10.0.0.8/",
        "https://[::]/", "https://①②⑦.⓪.⓪.①/",
    ],
)  # fmt: skip
def test_disguises(url: str) -> None:
    with pytest.raises(Permanent):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "http://example.com/", "ftp://example.com/", "gopher://example.com/", "https://",
        "https:///x", "https://user:secret@example.com/", "https://example.com:0/", "https://example.com:99999/",
        "javascript:alert(1)", "//example.com/", "https://exa mple.com/", "https://example.com/\n", "", "x" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web(url: str) -> None:
    with pytest.raises(Permanent) as refused:
        read_url(url)
    assert "secret" not in refused.value.message


_RESOLVE = socket.getaddrinfo


class Names:
    """A name server that says something else each time it is asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    def getaddrinfo(self, host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if not str(host).endswith("example.com"):
            return _RESOLVE(host, port, *rest, **more)
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "":
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answer.split()]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> type[Names]:
    """Let the machine's resolver be one of these."""

    class Installed(Names):
        def __init__(self, *answers: str) -> None:
            super().__init__(*answers)
            monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)

    return Installed


def test_a_name_that_leads_inside_is_refused(names: type[Names]) -> None:
    names("10.0.0.5")
    with pytest.raises(Permanent, match="private network"):
        check_url("https://hook.example.com/")


def test_one_inside_among_several_is_enough(names: type[Names]) -> None:
    names("1.1.1.1 169.254.169.254")
    with pytest.raises(Permanent, match="private network"):
        resolve("hook.example.com", 443)


def test_a_name_that_nobody_knows_is_looked_at_when_something_is_sent(names: type[Names]) -> None:
    names("")
    assert check_url("https://hook.example.com/").hostname == "hook.example.com"
    with pytest.raises(Retryable, match=r"hook\.example\.com can't be resolved"):
        post("https://hook.example.com/", b"", {}, service="The receiver")


def test_a_name_that_was_fine_when_saved_is_refused_when_it_turned(names: type[Names], receiver: Receiver) -> None:
    world = names("93.184.216.34", "127.0.0.1")
    url = f"https://rebind.example.com:{receiver.port}/"
    check_url(url)
    with pytest.raises(Permanent, match="private network"):
        post(url, b"{}", {}, service="The receiver")
    assert (world.asked, receiver.requests) == (2, [])


def test_the_address_that_was_looked_at_is_the_one_called(names: type[Names], receiver: Receiver) -> None:
    """A second look at the name would lead elsewhere: there is none."""
    world = names("127.0.0.1", "192.0.2.1")
    url = f"http://rebind.example.com:{receiver.port}/hook?x=1"
    assert post(url, b"{}", {"X-A": "b"}, service="The receiver", allow_private=True) == (200, "ok")
    assert world.asked == 1
    (request,) = receiver.requests
    assert (request.headers["Host"], request.path) == (f"rebind.example.com:{receiver.port}", "/hook?x=1")


def test_a_name_beyond_ascii_is_called_by_its_other_spelling(names: type[Names], receiver: Receiver) -> None:
    names("127.0.0.1")
    url = f"http://bücher.example.com:{receiver.port}/hook"
    assert post(url, b"{}", {}, service="The receiver", allow_private=True)[0] == 200
    assert receiver.requests[0].headers["Host"] == f"xn--bcher-kva.example.com:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.fail(status, {"Location": f"{receiver.url}/elsewhere"})
    with pytest.raises(Permanent, match="sent us on to another address"):
        post(receiver.url, b"{}", {}, service="The receiver", allow_private=True)
    assert [request.path for request in receiver.requests] == ["/hook"]


def test_the_receiver_stands_open_where_private_addresses_are_allowed(receiver: Receiver) -> None:
    """The negative control: what the refusals above keep from is there and would answer."""
    assert post(receiver.url, b"{}", {}, service="The receiver", allow_private=True)[0] == 200
    with pytest.raises(Permanent):
        post(receiver.url, b"{}", {}, service="The receiver")
    assert len(receiver.requests) == 1


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, list[str | None]]]:
    """A TLS server with a certificate that nobody vouches for: its port, and the names that it was asked for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook.example.com")])
    begins = now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hook.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    asked: list[str | None] = []
    context.sni_callback = lambda connection, host, _: asked.append(host)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener, context))
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join(30)


def _greet(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        context.wrap_socket(connection, server_side=True).recv(1)


def test_the_certificate_is_asked_for_and_checked_under_the_hosts_name(
    names: type[Names], tls: tuple[int, list[str | None]]
) -> None:
    names("127.0.0.1")
    port, asked = tls
    with pytest.raises(Retryable, match=r"could not be reached \(ConnectError\)"):
        post(f"https://hook.example.com:{port}/", b"{}", {}, service="The receiver", allow_private=True)
    assert asked == ["hook.example.com"]
