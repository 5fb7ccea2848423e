"""Forms of logging in, and of what is done about somebody's log-in."""

import json
import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.models import Organization, User
from accounts.services.auditing import CHANGED, record_action
from accounts.services.lockouts import Kind, LockedOut, find_lock, give_back, note_failure, take_attempt
from accounts.services.second_step import DIGITS, WRONG_CODE, check_code, check_recovery_code, new_secret
from common.encryption import decrypt, encrypt
from common.errors import Misconfigured
from common.origin import get_origin

_CODE = {
    "autocomplete": "one-time-code",
    "inputmode": "numeric",
    "pattern": "[0-9 ]*",
    "maxlength": str(DIGITS + 1),
    "autofocus": "",
    "spellcheck": "false",
}
_RECOVERY = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "autofocus": "", "maxlength": "40"}
LOST_KEY = (
    "No code can be checked: the installation has lost the key to your authenticator. Use a recovery code, or ask an "
    "administrator to reset your second step."
)
WRONG_RECOVERY = "That is not one of your recovery codes, or it was used already."


class OrganizationsWidget(AutocompleteSelectMultiple):
    """Organizations, found by what is typed of their names or ids; their ids are sent, with spaces between them."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(User._meta.get_field("organization"), admin.site, attrs)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str:
        """Join the ids, however many fields they came in."""
        return " ".join(data.getlist(name) if hasattr(data, "getlist") else filter(None, [data.get(name)]))

    def format_value(self, value: Any) -> list[str]:
        """Take the ids apart."""
        return [part for part in re.split(r"[\s,;]+", str(value or "")) if part]

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> list[Any]:
        """Offer what is chosen, by its name; what is no organization stands as it was sent."""
        names = dict(Organization.objects.filter(pk__in=value).values_list("pk", "name"))
        chosen = [
            self.create_option(name, pk, names.get(pk, pk), selected=True, index=place)
            for place, pk in enumerate(value)
        ]
        return [(None, chosen, 0)]


def code_field() -> forms.CharField:
    """Make the field for a code of the authenticator app."""
    return forms.CharField(
        label="Code", help_text=f"The {DIGITS} digits that your authenticator app shows.", max_length=DIGITS + 1,
        widget=UnfoldAdminTextInputWidget(dict(_CODE)),
    )  # fmt: skip


class PasswordForm(AuthenticationForm):
    """The first step: e-mail address and password."""

    def get_invalid_login_error(self) -> ValidationError:
        """Say when to try again, where there were too many attempts; the same for accounts that do not exist."""
        account = str(self.cleaned_data.get("username", ""))
        if until := find_lock(Kind.PASSWORD, account, get_origin().address):
            return ValidationError(str(LockedOut(until)), code="locked")
        error: ValidationError = super().get_invalid_login_error()
        return error


class _StepForm(forms.Form):
    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def check(self, code: str) -> bool:
        raise NotImplementedError

    wrong = WRONG_CODE

    def clean(self) -> dict[str, Any]:
        """Use the code up, or say what is wrong with it."""
        super().clean()
        code = self.cleaned_data.get("code", "")
        try:
            if code and not self.check(code):
                self.add_error("code", self.wrong)
        except LockedOut as error:
            self.add_error("code", str(error))
        except Misconfigured:
            self.add_error("code", LOST_KEY)
        return self.cleaned_data


class CodeForm(_StepForm):
    """The second step: a code of the authenticator app."""

    code = code_field()

    def check(self, code: str) -> bool:
        """Compare it with the authenticator."""
        return check_code(self.user, code)


class RecoveryForm(_StepForm):
    """The second step without a phone."""

    code = forms.CharField(
        label="Recovery code", max_length=40, widget=UnfoldAdminTextInputWidget(dict(_RECOVERY)),
        help_text="One of those that you kept, like abcd-efgh-jkmn-pqrs. Each works once.",
    )  # fmt: skip
    wrong = WRONG_RECOVERY

    def check(self, code: str) -> bool:
        """Look for it among those left."""
        return check_recovery_code(self.user, code)


class EnrolForm(forms.Form):
    """A first code, with the secret it must come from: sealed, for nothing is stored before the code was right."""

    sealed = forms.CharField(widget=forms.HiddenInput)
    code = code_field()

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        self.secret = self._open(user, data.get("sealed", "")) if data else ""
        self.is_stale = bool(data) and not self.secret
        if not self.secret:
            self.secret = new_secret()
        sealed = encrypt(json.dumps({"user": user.pk, "secret": self.secret}))
        self.initial["sealed"] = sealed
        if data and self.is_stale:
            self.data = {**data.dict(), "sealed": sealed}

    def _open(self, user: User, sealed: str) -> str:
        try:
            kept = json.loads(decrypt(sealed))
        except (Misconfigured, ValueError):
            return ""
        return str(kept["secret"]) if kept["user"] == user.pk else ""


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="Kept in the audit trail, visible to all staff.",
    )


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """One's own new password; whoever sits at an open session may not guess the old one for long."""

    def clean_old_password(self) -> str:
        """Count a wrong one like one at the door."""
        account, address = self.user.email, get_origin().address
        try:
            take_attempt(Kind.PASSWORD, account, address)
        except LockedOut as error:
            raise ValidationError(str(error), code="locked") from None
        try:
            password: str = super().clean_old_password()
        except ValidationError:
            note_failure(Kind.PASSWORD, account, address, self.user)
            raise
        give_back(Kind.PASSWORD, account, address)
        return password

    def save(self, commit: bool = True) -> User:
        """Save it, with an audit entry; all other sessions end with the old one."""
        user: User = super().save(commit)
        record_action("change-password", user, actor=user, after={"password": CHANGED})
        return user
