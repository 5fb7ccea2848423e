"""What logging in takes and answers."""

from pydantic import Field, SecretStr

from accounts.models import User
from common.api.models import Answer, ApiModel, one_of

_LONGEST_TOKEN = 4_096


class TokenRequest(ApiModel):
    """Who logs in."""

    email: str = Field(min_length=1, max_length=254)
    password: SecretStr = Field(min_length=1, max_length=1_000)
    code: SecretStr = Field(
        SecretStr(""),
        max_length=40,
        description="A code of the authenticator app, or a recovery code, of whoever has one.",
    )


class RefreshRequest(ApiModel):
    """A refresh token."""

    refresh: SecretStr = Field(min_length=1, max_length=_LONGEST_TOKEN)


class Person(ApiModel):
    """Whose tokens they are; `organization` is null for staff."""

    id: int
    email: str
    name: str
    organization: str | None
    role: str = one_of(User.Role)


class TokenAnswer(Answer):
    """A pair of tokens; the access token lives `expiresIn` seconds, the refresh token is good once."""

    access: str = Field(repr=False)
    refresh: str = Field(repr=False)
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    user: Person


class LogoutAnswer(Answer):
    """Logged out."""
