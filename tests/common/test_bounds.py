"""However slowly somebody answers, and however much: a call ends in time and holds little."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ReadTimeoutError

from common import http, smtp
from common.aws import open_client
from common.bounds import bounded
from common.errors import OutcomeUnknown, Permanent, Retryable, WorkError
from common.http import get_json, new_client
from common.smtp import Mailer, MailServer
from tests.s3 import KEYS
from tests.slow import Script, answering, drip, flood, say, taking

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# What a TLS server may begin with: a record of 16 KB, of which little comes.
RECORD = b"\x16\x03\x03\x40\x00"


@pytest.fixture
def _a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call have a second."""
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 1.0)
    monkeypatch.setattr(smtp, "DEADLINE_SECONDS", 1.0)


def read(url: str) -> Any:
    with new_client(url, {}) as client:
        return get_json(client, "/x", service="The gateway")


@pytest.mark.usefixtures("_a_second")
@pytest.mark.parametrize(
    "script",
    [
        drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000),
        drip(b" ", HEAD + b"Content-Length: 9999\r\n\r\n"),
        drip(b" ", HEAD + b"\r\n"),
    ],
    ids=["headers", "body", "body without length"],
)
def test_a_byte_now_and_then_is_no_answer(script: Callable[[], Script]) -> None:
    with answering(script) as server, taking(0.9, 2), pytest.raises(Retryable, match="did not answer in time"):
        read(server.url)


@pytest.mark.usefixtures("_a_second")
def test_a_handshake_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        answering(drip(b"\0", RECORD), reads_first=False) as server,
        taking(0.9, 2),
        pytest.raises(Retryable, match="did not answer in time"),
    ):
        read(server.url.replace("http:", "https:"))


def test_without_the_deadline_it_would_go_on() -> None:
    """The negative control: the time-out of each step is kept all the time."""
    with answering(drip(b"x", HEAD + b"Content-Length: 20\r\n\r\n")) as server, taking(1.8, 4):
        httpx.get(server.url, timeout=0.5)


def packed(body: bytes, packing: bytes = b"gzip") -> Callable[[], Script]:
    return say(HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (packing, len(body)), body)


def test_what_is_packed_is_read() -> None:
    with answering(packed(gzip.compress(b'{"a": 1.50}'))) as server:
        assert str(read(server.url)["a"]) == "1.50"


def test_what_is_packed_and_just_fits_is_read_whole() -> None:
    with answering(packed(gzip.compress(b'"%s"' % (b"ab" * 2_499_999)))) as server:
        assert read(server.url) == "ab" * 2_499_999


def test_a_bomb_is_not_unpacked() -> None:
    """600 KB that would be 600 MB: it is refused after the first five."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(600)) + packer.flush()
    assert len(bomb) < 700_000
    with answering(packed(bomb)) as server, pytest.raises(Permanent, match="more than 5,000,000 bytes"):
        tracemalloc.start()
        try:
            read(server.url)
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 8_000_000


@pytest.mark.parametrize(
    ("packing", "body"),
    [
        (b"br", b"x"),
        (b"gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        (b"gzip", b"x"),
        (b"gzip", gzip.compress(b"{}")[:-9]),
    ],
    ids=["another packing", "packed twice", "not packed", "cut off"],
)
def test_what_is_packed_otherwise_is_not_read(packing: bytes, body: bytes) -> None:
    with answering(packed(body, packing)) as server, pytest.raises(Retryable, match="can't be unpacked"):
        read(server.url)


def test_an_endless_answer_is_cut() -> None:
    with (
        answering(flood(b" " * 65_536, HEAD + b"\r\n")) as server,
        taking(0, 5),
        pytest.raises(Permanent, match="more than 5,000,000 bytes"),
    ):
        read(server.url)


GREETING = b"220 mail\r\n"
LOG_IN = GREETING + b"250 mail\r\n250 fine\r\n250 fine\r\n354 go on\r\n"


def send_mail(port: int) -> None:
    message = EmailMessage()
    message["Subject"] = "x"
    message.set_content("x")
    mailer = Mailer(MailServer("127.0.0.1", port))
    try:
        mailer.send("a@huntaze.test", "b@example.test", message)
    finally:
        mailer.close()


@pytest.mark.usefixtures("_a_second")
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (drip(b"220-mail\r\n"), Retryable),
        (drip(b"250-mail\r\n", GREETING), Retryable),
        (drip(b"250-fine\r\n", LOG_IN), OutcomeUnknown),
    ],
    ids=["greeting", "hello", "message"],
)
def test_a_mail_server_that_drips(script: Callable[[], Script], kind: type[WorkError]) -> None:
    with answering(script, reads_first=False) as server, taking(0.9, 2), pytest.raises(kind):
        send_mail(server.port)


def test_a_mail_server_that_never_stops() -> None:
    with answering(flood(b"220-mail\r\n" * 1000), reads_first=False) as server, taking(0, 10), pytest.raises(Retryable):
        send_mail(server.port)


@pytest.fixture
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def s3(url: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return open_client("s3", 1.0, 100_000, endpoint_url=url, region_name="eu-west-1", config=config)


@pytest.mark.usefixtures("_keys")
@pytest.mark.parametrize(
    "script",
    [drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000), drip(b" ", HEAD + b"Content-Length: 9999\r\n\r\n")],
    ids=["headers", "body"],
)
def test_aws_that_drips(script: Callable[[], Script]) -> None:
    with answering(script) as server, taking(0.9, 2), pytest.raises(ReadTimeoutError):
        s3(server.url).list_buckets()


@pytest.mark.usefixtures("_keys")
def test_a_handshake_with_aws_counts() -> None:
    with answering(drip(b"\0", RECORD), reads_first=False) as server, taking(0.9, 2), pytest.raises(BotoCoreError):
        s3(server.url.replace("http:", "https:")).list_buckets()


@pytest.mark.usefixtures("_keys")
def test_aws_that_never_stops() -> None:
    with answering(flood(b"<a/>" * 1000, HEAD + b"\r\n")) as server, taking(0, 1), pytest.raises(BotoCoreError):
        s3(server.url).list_buckets()


@pytest.mark.usefixtures("_keys")
def test_a_file_that_drips() -> None:
    with (
        answering(drip(b"x", HEAD + b'ETag: "1"\r\nContent-Length: 9999\r\n\r\n')) as server,
        taking(0.9, 2),
        pytest.raises(ReadTimeoutError),
        bounded(1, 100_000),
    ):
        s3(server.url).get_object(Bucket="b", Key="k")["Body"].read()
