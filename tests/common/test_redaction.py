"""Secrets are taken out of texts by their shape, by their name and by being known; everything else stays."""

import pytest
from cryptography.fernet import Fernet

from common.encryption import encrypt
from common.redaction import MASK, Redactor, find_secrets

GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,7D1F\n\nMIIEpAIBAAKCAQEA7d1f\n"
    "7d1f7d1f==\n-----END RSA PRIVATE KEY-----"
)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.s1gn4tur3-of_it"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("key sk_live_51Habcdef refused", f"key {MASK} refused"),
        ("rk_test_51Habcdef and whsec_abcdef123", f"{MASK} and {MASK}"),
        ("Authorization: Bearer abc.def-ghi", f"Authorization: {MASK}"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", f"{{'Authorization': '{MASK}'}}"),
        ("sent Bearer 7d1f7d1f7d1f away", f"sent Bearer {MASK} away"),
        (f"token {JWT} expired", f"token {MASK} expired"),
        ("postgres://huntaze:p%23ss-7d1f@db:5432/name", f"postgres://huntaze:{MASK}@db:5432/name"),
        ("redis://:7d1f@host:6379/0", f"redis://:{MASK}@host:6379/0"),
        ('{"x-cron-secret": "7d1f7d1f", "month": "2026-10"}', f'{{"x-cron-secret": "{MASK}", "month": "2026-10"}}'),
        ("x-api-key=7d1f7d1f&month=2026-10", f"x-api-key={MASK}&month=2026-10"),
        ("password=hunter2, user=ann", f"password={MASK}, user=ann"),
        ("access_token: act.7d1f, refresh_token: rft.7d1f", f"access_token: {MASK}, refresh_token: {MASK}"),
        ("https://hooks.slack.com/services/T0/B0/7d1f", f"https://hooks.slack.com/services/{MASK}"),
        (f"pushed with {GITHUB} to main", f"pushed with {MASK} to main"),
        ("github_pat_11ABCDEFG0abcdefghijkl_x", MASK),
        ("slack xoxb-7d1f-7d1f-abcdef said no", f"slack {MASK} said no"),
        ("xoxe.xoxp-1-abcdefghij", MASK),
        ("https://maps.example/?k=AIzaSyA-7d1f7d1f7d1f7d1f7d1f7d1f7d1f7d1&v=3", f"https://maps.example/?k={MASK}&v=3"),
        (f"read {PEM} here", f"read {MASK} here"),
        (PEM.replace("\n", "\\n"), MASK),
        (PEM[:90], MASK),
        ("Cookie: theme=dark; hz=7d1f7d1f; sessionid=abc", f"Cookie: {MASK}"),
        ("{'Cookie': 'a=1; second=7d1f', 'Host': 'x'}", f"{{'Cookie': '{MASK}', 'Host': 'x'}}"),
        ("set-cookie: hz=7d1f; Path=/; HttpOnly", f"set-cookie: {MASK}"),
        ("The password is hunter.", f"The password is {MASK}"),
        ("password for ann is 'correct horse', she says", f"password for ann is '{MASK}', she says"),
        ("Password was: Tr0ub4dor&3", f"Password was: {MASK}"),
        ("password hunter2!", f"password {MASK}"),
        ("password: correct", f"password: {MASK}"),
        ('{"password": "correct horse battery", "user": "ann"}', f'{{"password": "{MASK}", "user": "ann"}}'),
        ("token 7d1f7d1f was refused", f"token {MASK} was refused"),
        ("the api key is abcdef", f"the api key is {MASK}"),
        ("discord://4711/t0k_en failed", f"discord://{MASK} failed"),
        ("('tgram://123:AAbb/42/',)", f"('tgram://{MASK}',)"),
        ("mailto://ann:hunter2@example.test?to=bob@example.test", f"mailto://{MASK}"),
        ("mailtos://ann:hunter2@example.test", f"mailtos://{MASK}"),
        ("sns://AKIAIOSFODNN7EXAMPLE/wJalrXUtnFEMI/us-east-1/1", f"sns://{MASK}"),
        ("json://ann:hunter2@host/path, then slack://A/B/C", f"json://{MASK} then slack://{MASK}"),
        ("postgres://ann:p@ss/w0rd@db:5432/name", f"postgres://ann:{MASK}@db:5432/name"),
        ("https://7d1f7d1f@sentry.test/1", f"https://{MASK}@sentry.test/1"),
        ("https://discord.com/api/webhooks/4711/t0k-en", f"https://discord.com/api/webhooks/{MASK}"),
        ("https://api.telegram.org/bot123:AAbb/send", f"https://api.telegram.org/bot{MASK}"),
        ("row (1, pbkdf2_sha256$1000000$s4lt$h4sh+/=, ann)", f"row (1, {MASK}, ann)"),
        ("row (argon2$argon2id$v=19$m=102400,t=2,p=8$s4lt$h4sh, f)", f"row ({MASK}, f)"),
        ("GET /v1?limit=10&key=abcdef&sig=7d1f", f"GET /v1?limit=10&key={MASK}&sig={MASK}"),
    ],
)
def test_secrets_are_known_by_their_shape(text: str, cleaned: str) -> None:
    assert Redactor().text(text) == cleaned


def test_a_key_of_ours_is_a_secret() -> None:
    assert Redactor().text(f"with {Fernet.generate_key().decode()}.") == f"with {MASK}."


def test_what_was_encrypted_is_a_secret_too() -> None:
    assert Redactor().text(f"stored {encrypt('hunter2')}!") == f"stored {MASK}!"


@pytest.mark.parametrize(
    "text",
    [
        "Monthly billing #42 ended: succeeded",
        "the item's token: 17, attempts: 3",
        "token=12 of run 7",
        "Stripe failed on its side (503).",
        "https://api.stripe.com/v1/invoices?limit=100",
        "mailto:ann@example.test at 10:30",
        "basic understanding of bearer shares",
        "8f14e45fceea167a5a36dedd4bea2543",
        "Rerun of what is missing: 12 of 240 items",
        "password reset by ann",
        "cookies: none were sent; the session ended",
        "-----BEGIN CERTIFICATE-----",
        "secret: None",
        "The token is invalid, and the password is not set.",
        "token is 12 for item 3",
        "token expired; refresh token rotated; secret key missing",
        "a token of run-2026 and the key of org_00001",
        "https://host:8080/users/@ann and redis://127.0.0.1:6379/0",
        "s3://results/creators/of_1/month.csv and https://example.test/a?month=2026-10&page=2",
        "postgres://huntaze@127.0.0.1:5432/huntaze",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert Redactor().text(text) == text


def test_what_is_known_is_taken_out_however_it_is_written() -> None:
    redactor = Redactor(["correct/horse\nbattery", "short", "correct"])
    assert redactor.text("a correct/horse\nbattery b") == f"a {MASK} b"
    assert redactor.text("a correct%2Fhorse%0Abattery b") == f"a {MASK} b"
    assert redactor.text("a correct/horse\\nbattery b") == f"a {MASK} b"
    assert redactor.text("correct but short") == f"{MASK} but short"


def test_what_is_known_hides_nothing_behind_it() -> None:
    assert Redactor(["4711-known"]).text("discord://4711-known/t0k_en failed") == f"discord://{MASK} failed"


def test_values_lose_what_their_name_gives_away() -> None:
    value = {
        "password": "hunter2",
        "token": 17,
        "headers": [("accept", "*/*"), {"Cookie": "sessionid=7d1f"}],
        "deep": {"client_secret": ["7d1f"], "month": "2026-10"},
        b"body": b"sk_live_51Habcdef",
        "error": ValueError("Bearer 7d1f7d1f"),
        "nothing": None,
    }
    assert Redactor().value(value) == {
        "password": MASK,
        "token": 17,
        "headers": [["accept", "*/*"], {"Cookie": MASK}],
        "deep": {"client_secret": MASK, "month": "2026-10"},
        b"body": MASK,
        "error": f"Bearer {MASK}",
        "nothing": None,
    }


def test_a_value_without_a_bottom_ends() -> None:
    value: list[object] = ["sk_live_51Habcdef"]
    value.append(value)
    assert "sk_live" not in str(Redactor().value(value))


def test_secrets_are_found_among_settings() -> None:
    settings = {
        "stripe_api_key": "sk_1",
        "cron_secret": ("one", "two"),
        "api_keys": ["three"],
        "invoice_smtp_password": "four",
        "metrics_token": "five",
        "database_url": "postgres://ann:p%23ss@db/name",
        "redis_url": "redis://db:6379/0",
        "base_url": "https://office.test",
        "invoice_prefix": "INV",
        "stripe_rate_per_second": 100,
    }
    assert find_secrets(settings) == ("sk_1", "one", "two", "three", "four", "five", "p#ss")


@pytest.mark.parametrize(
    "odd",
    [
        "password is ",
        "token for ",
        "password ",
        "secret",
        "a?key=",
        "x://a@",
        "https://a@",
        "'x",
        "a.b-c_",
        "eyJ-",
        "sk-",
        "gAAAAA-",
        "http://",
        "x://a:",
        "bearer ",
        "token= ",
        "cookie: ",
        "cookie: a=b;",
        "cookie=",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "xox",
        "SG.a",
        " ",
    ],
)
def test_no_text_however_odd_keeps_anybody_waiting(odd: str) -> None:
    """A pattern that tried each place of a long run anew would take minutes for these."""
    text = f"password:// {odd * 100_000} sk_live_51Hplanted"
    assert "51Hplanted" not in Redactor().text(text)
