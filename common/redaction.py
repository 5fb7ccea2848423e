"""Secrets taken out of whatever is written down for people: log lines, tracebacks, reports of errors, spans."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote, urlsplit

MASK = "[secret]"
# Shorter ones would take innocent words out, and protect nothing.
_SHORTEST_KNOWN = 6
_DEEPEST = 8

_SECRET_NAME = re.compile(
    r"(?i)pass(?:word|wd|phrase)|secret|credential|authori[sz]ation|cookie|(?:^|[_-])(?:api|access|private|signing|"
    r"encryption)[_-]?keys?$|(?:^|[_-])(?:token|jwt|dsn|session(?:id)?|csrf\w*)$|^x-api-key$"
)


@dataclass(frozen=True)
class _Shape:
    """A pattern of secrets; only texts with one of the hints, in small letters, can hold it."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    put: str = MASK


# Addresses that name a place; of any other scheme everything behind it may be secret.
_OPEN_SCHEMES = (
    "https?|wss?|postgres(?:ql)?|rediss?|valkeys?|amqps?|sqs|s3|file|unix|smtps?|s?ftp|ssh|git|grpc|tcp|udp|memory|"
    "cache\\+memory"
)
# What a sentence says that a secret is; and what it says of one without telling it.
_SAID = r"(?:password|passwd|passphrase|passcode|pwd|secret|token|credentials?|(?:api|access|secret)[ _-]?key)"
_STATES = (
    "wrong|invalid|missing|expired|empty|not|no|none|null|required|too|incorrect|unknown|revoked|set|unset|valid|weak|short|"
    "reset|changed|the|a|an|only|refused|rejected|used|stale|still|being|known|given|always|never|now|on|in|of|for|ours"
)

# By shape: what is secret whoever issued it. A pattern begins once in a run of the characters that it takes, so that
# no text, however odd, takes long.
_SHAPES: tuple[_Shape, ...] = (
    # Authorization: Bearer …, and "Authorization": "Basic …"
    _Shape(
        ("authorization",),
        re.compile(r"""(?i)(authorization["']?\s*[:=]\s*["']?)(?:[a-z]+\s+)?[^\s"',;&})\]]+"""),
        rf"\1{MASK}",
    ),
    _Shape(
        ("bearer", "basic"),
        re.compile(r"(?i)\b(bearer|basic)\s+(?=[\w.~+/=-]*[\d.~+/=_-])[\w.~+/=-]{6,}"),
        rf"\1 {MASK}",
    ),
    # Stripe's keys, OpenAI's keys, and secrets that sign webhooks
    _Shape(
        ("_live_", "_test_", "sk-", "whsec_"),
        re.compile(r"(?<![\w-])(?:[srp]k_(?:live|test)_\w{4,}|sk-[\w-]{16,}|whsec_[\w+/=-]{6,})"),
    ),
    # Tokens of GitHub and GitLab, of Slack, of Google, of npm and SendGrid
    _Shape(
        (
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "xox",
            "xapp-",
            "aiza",
            "ya29.",
            "npm_",
            "sg.",
        ),
        re.compile(
            r"(?<![\w-])(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z](?:\.xox[a-z])?-[\w-]{6,}"
            r"|xapp-[\w-]{10,}|AIza[\w-]{20,}|ya29\.[\w-]{16,}|npm_\w{20,}|SG\.[\w-]{16,}\.[\w-]{16,})"
        ),
    ),
    # Private keys as PEM, up to their end or the text's; where lines are escaped, too
    _Shape(
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----))*(?:-----END [A-Z ]{0,60}-----)?"
        ),
    ),
    # Amazon's access keys
    _Shape(("akia", "asia"), re.compile(r"(?<![A-Z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Z0-9])")),
    # JSON Web Tokens
    _Shape(("eyj",), re.compile(r"(?<![\w-])eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?")),
    # A header of cookies, all of them
    _Shape(
        ("cookie",),
        re.compile(
            r"""(?i)(\bcookies?["']?\s{0,3}[:=]\s{0,3}["']?)[^\s=;,"']+=[^\s;"']*(?:;\s{0,3}[^\s=;"']+(?:=[^\s;"']*)?)*"""
        ),
        rf"\1{MASK}",
    ),
    # What Fernet encrypted, and its keys: 32 bytes in URL-safe base64
    _Shape(("gaaaaa",), re.compile(r"(?<![\w-])gAAAAA[\w-]{20,}={0,2}")),
    _Shape(("=",), re.compile(r"(?<![\w+/=-])[\w-]{43}=(?![\w=])")),
    # Passwords as Django keeps them, which the database quotes where a row does not fit
    _Shape(
        ("pbkdf2_", "argon2", "bcrypt", "scrypt"),
        re.compile(r"(?<![\w$])(?:pbkdf2_\w+|argon2|bcrypt\w*|scrypt)\$(?:[^\s,)\"']|,(?=\S))+"),
    ),
    # Addresses of notification services carry their secrets anywhere: discord://id/token, tgram://token/chat
    _Shape(
        ("://",),
        re.compile(rf"""(?ix)(?<![a-z0-9+.-])(?!(?:{_OPEN_SCHEMES})://)([a-z][a-z0-9+.-]*://)
            (?:\[secret\]|[^\s"'<>)\]}}])+"""),
        rf"\1{MASK}",
    ),
    # The password of an address, which may hold what should have been quoted; not a port and a path with an @
    _Shape(
        ("://",),
        re.compile(r"""(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://[^\s/:@"']*):(?!\d{1,5}/)[^\s"'<>]{1,256}@"""),
        rf"\1:{MASK}@",
    ),
    # A token in its place
    _Shape(("://",), re.compile(r"(?i)(?<![a-z0-9+.-])(https?://)[^\s/:@\"'?#<>]{1,256}@"), rf"\1{MASK}@"),
    # Addresses that are themselves the secret
    _Shape(
        ("hooks.slack.com", "/api/webhooks/", "api.telegram.org", "office.com/webhook"),
        re.compile(
            r"(?i)(hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/"
            r"|api\.telegram\.org/bot|(?:webhook|outlook)\.office\.com/webhook[\w]*/)[^\s\"'<>]+"
        ),
        rf"\1{MASK}",
    ),
    _Shape(
        ("?", "&"),
        re.compile(
            r"""(?i)([?&](?:key|sig|pass|pwd|auth|code|[\w-]*(?:token|secret|signature|apikey|password))=)"""
            r"""(?!\d{1,12}\b|\[secret\])[^\s"'&#<>]+"""
        ),
        rf"\1{MASK}",
    ),
    # name=value, "name": "value", --name value; a number alone is a count and not a secret
    _Shape(
        ("pass", "secret", "key", "session", "csrf", "token", "cookie", "signature"),
        re.compile(
            r"""(?ix)((?:pass(?:word|wd|phrase)|secret|x-api-key|api[_-]?key|access[_-]?key(?:[_-]?id)?|sessionid
            |csrftoken|(?:access|refresh|id|auth|bearer|csrf)[_-]?token|\btoken|\bcookie|x-amz-signature)
            ["']?\s*[:=]\s*)
            (?:(["'])(?!\[secret\])[^"'\n]+(?=\2)|["']?(?!\d{1,12}\b|none\b|null\b|\[secret\])[^\s"'\\,;&})\]]+)"""
        ),
        rf"\1\2{MASK}",
    ),
    # In a sentence: the password is …, token …
    _Shape(
        ("pass", "pwd", "secret", "token", "key", "credential"),
        re.compile(rf"""(?ix)(\b{_SAID}(?:\s{{1,3}}(?:for|of)\s{{1,3}}[^\s"']{{1,100}})?\s{{1,3}}(?:is|was)\b:?\s{{1,3}})
            (?:(["'])[^"'\n]{{1,400}}(?=\2)|(?!(?:{_STATES})\b|\d{{1,12}}\b|\[secret\])[^\s"',;)}}\]]+)"""),
        rf"\1\2{MASK}",
    ),
    _Shape(
        ("pass", "pwd", "secret", "token", "key", "credential"),
        re.compile(
            rf"""(?ix)(\b{_SAID}\s{{1,3}}["']?)(?=[^\s"',;]{{0,100}}[\d!@$%^*+=_])(?!\d{{1,12}}\b|\[secret\])
            (?=[^\s"',;]{{6}})[^\s"',;)}}\]]+"""
        ),
        rf"\1{MASK}",
    ),
)


class Redactor:
    """Takes out what looks like a secret, and every value that is known to be one."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = {form for value in known if len(value) >= _SHORTEST_KNOWN for form in _forms(value)}
        longest_first = sorted(values, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """Return the text without its secrets."""
        if self._known:
            text = self._known.sub(MASK, text)
        lowered = text.lower()
        for shape in _SHAPES:
            if any(hint in lowered for hint in shape.hints):
                text = shape.pattern.sub(shape.put, text)
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a value that JSON can hold without its secrets, those included that their name gives away."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode(errors="replace"))
        if value is None or isinstance(value, bool | int | float | Decimal | dt.date):
            return value
        if depth >= _DEEPEST:
            return self.text(repr(value))
        if isinstance(value, Mapping):
            return {key: self._named(str(key), part, depth) for key, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(part, depth + 1) for part in value]
        return self.text(str(value))

    def _named(self, name: str, value: Any, depth: int) -> Any:
        is_secret = _SECRET_NAME.search(name) and value and not isinstance(value, bool | int | float)
        return MASK if is_secret else self.value(value, depth + 1)


def _forms(value: str) -> Iterable[str]:
    """Say how a value is written: as it is, within an address, within a repr."""
    yield value
    yield quote(value, safe="")
    yield repr(value)[1:-1]


def find_secrets(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Find the secrets among settings: by their name, and the passwords within addresses."""
    found: list[str] = []
    for name, value in values.items():
        texts = [text for text in (value if isinstance(value, tuple | list) else [value]) if isinstance(text, str)]
        if _SECRET_NAME.search(name):
            found += texts
        else:
            found += [unquote(secret) for text in texts if "://" in text and (secret := urlsplit(text).password)]
    return tuple(dict.fromkeys(found))
