"""The second step of a log-in: who needs it, which codes are taken, and how it is reset."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry, Authenticator, LockOut, RecoveryCode
from accounts.services.second_step import check_code, find_step
from tests.factories.log_ins import Phone, give_phone, show_password
from tests.factories.staff import PASSWORD, log_in, make_staff

pytestmark = pytest.mark.django_db
INDEX, LOGIN = reverse("admin:index"), reverse("admin:login")
CODE, RECOVERY, SET_UP = (reverse(f"admin:login_{name}") for name in ("code", "recovery", "set_up"))
RUNS = reverse("admin:jobs_jobrun_changelist")
# RFC 6238, appendix B: the secret is the ASCII text 12345678901234567890; its codes of eight digits end so.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.fixture
def required(settings: Settings) -> None:
    """Ask every member of staff for a second step, as in production."""
    settings.TWO_FACTOR_REQUIRED = True


def is_in(client: Client) -> bool:
    return client.get(INDEX).status_code == 200


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    step = at // 30
    assert find_step(RFC_SECRET, code, at=at) == step
    assert find_step(RFC_SECRET, f" {code[:3]} {code[3:]}", at=at + 30) == step
    assert find_step(RFC_SECRET, code, at=at + 60) is None
    assert find_step(RFC_SECRET, code, at=at - 60 if step > 2 else at + 90) is None
    assert find_step(RFC_SECRET, code, after=step, at=at) is None
    for wrong in ("", code[1:], code + "0", "ä" + code[1:], "\u0660" * 6):
        assert find_step(RFC_SECRET, wrong, at=at) is None


def test_without_a_device_the_password_is_enough_where_none_is_required() -> None:
    client, led_to = show_password(make_staff("Finance"), PASSWORD)
    assert (led_to, is_in(client)) == (INDEX, True)


def test_who_has_no_device_sets_one_up_before_anything_else(required: None) -> None:
    user = make_staff("Finance")
    client, led_to = show_password(user, PASSWORD, wanted=RUNS)
    assert (led_to, is_in(client)) == (SET_UP, False)
    page = client.get(SET_UP)
    assert (page.status_code, Authenticator.objects.exists()) == (200, False)
    assert "no-store" in page["Cache-Control"]
    phone, sealed = Phone(page.context["secret"]), page.context["form"].initial["sealed"]
    assert page.context["secret"].replace(" ", "") not in sealed
    wrong = client.post(SET_UP, {"sealed": sealed, "code": "000000"})
    assert (wrong.context["secret"], is_in(client)) == (page.context["secret"], False)
    done = client.post(SET_UP, {"sealed": sealed, "code": phone.show()})
    codes = done.context["codes"]
    assert (len(codes), len(set(codes)), done.context["wanted"]) == (10, 10, RUNS)
    assert all(re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", code) for code in codes)
    assert is_in(client)
    assert client.get(SET_UP)["Location"] == reverse("admin:second_step")
    told = list(AuditEntry.objects.order_by("id").values_list("verb", "after"))
    assert told == [
        ("enrol", {"second step": "authenticator app"}),
        ("log-in", {"second step": "authenticator app"}),
    ]


def test_at_rest_secrets_are_encrypted_and_codes_are_digests() -> None:
    user = make_staff("Finance")
    _, codes = give_phone(user)
    secret = Authenticator.objects.get(user=user).secret
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_authenticator")
        stored = cursor.fetchone()[0]
    digests = set(RecoveryCode.objects.values_list("digest", flat=True))
    assert (secret in stored, stored.startswith("gAAAA")) == (False, True)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    assert not digests & set(codes)
    trail = str(list(AuditEntry.objects.values_list("before", "after", "object_name", "reason")))
    assert not [part for part in (secret, *codes) if part in trail]


def test_a_code_lets_in_once() -> None:
    user = make_staff("Finance")
    phone, _ = give_phone(user)
    first, led_to = show_password(user, PASSWORD, wanted=RUNS)
    assert (led_to, is_in(first)) == (CODE, False)
    assert first.post(CODE, {"code": phone.show()})["Location"] == RUNS
    assert is_in(first)
    second, _ = show_password(user, PASSWORD)
    refused = second.post(CODE, {"code": phone.show_again()})
    assert (refused.status_code, is_in(second)) == (200, False)
    assert "was used already" in refused.content.decode()


def test_a_code_without_the_password_opens_nothing() -> None:
    phone, codes = give_phone(make_staff("Finance"))
    client = Client()
    for address, code in ((CODE, phone.show()), (RECOVERY, codes[0])):
        assert client.post(address, {"code": code})["Location"] == LOGIN
    assert client.get(SET_UP)["Location"] == LOGIN
    assert (is_in(client), RecoveryCode.objects.filter(used_at__isnull=True).count()) == (False, 10)


def test_a_recovery_code_lets_in_once_however_it_is_typed() -> None:
    user = make_staff("Finance")
    _, codes = give_phone(user)
    first, _ = show_password(user, PASSWORD)
    assert first.post(RECOVERY, {"code": f" {codes[3].upper().replace('-', ' ')}"})["Location"] == INDEX
    assert is_in(first)
    second, _ = show_password(user, PASSWORD)
    assert "was used already" in second.post(RECOVERY, {"code": codes[3]}).content.decode()
    assert second.post(RECOVERY, {"code": codes[4]}).status_code == 302
    assert AuditEntry.objects.filter(verb="log-in", after={"second step": "recovery code"}).count() == 2


def test_the_codes_of_others_are_worth_nothing() -> None:
    ada, bea = make_staff("Finance"), make_staff("Finance")
    phone, codes = give_phone(ada)
    give_phone(bea)
    client, _ = show_password(bea, PASSWORD)
    assert client.post(CODE, {"code": phone.show()}).status_code == 200
    assert client.post(RECOVERY, {"code": codes[0]}).status_code == 200
    assert not is_in(client)


def test_too_many_wrong_codes_lock_the_account_from_wherever_they_come() -> None:
    user = make_staff("Finance")
    phone, codes = give_phone(user)
    for number in range(5):
        client, _ = show_password(user, PASSWORD)
        refused = client.post(CODE, {"code": "000000"}, REMOTE_ADDR=f"203.0.113.{number}")
    client, _ = show_password(user, PASSWORD)
    for address, code in ((CODE, phone.show()), (RECOVERY, codes[0])):
        refused = client.post(address, {"code": code}, REMOTE_ADDR="198.51.100.1")
        assert "Too many attempts. Try again after" in refused.content.decode()
    assert not is_in(client)
    lock = LockOut.objects.get(kind="code")
    assert (lock.account, lock.network, lock.failures) == (user.email, "", 5)
    boss = log_in(superuser=True)
    boss.post(reverse("admin:accounts_lockout_changelist"), {"action": "unlock", "_selected_action": [lock.pk]})
    assert client.post(RECOVERY, {"code": codes[0]}).status_code == 302
    assert AuditEntry.objects.filter(verb="unlock").get().before["failures"] == 5


def test_a_session_without_the_second_step_ends_at_the_door_once_it_is_required(settings: Settings) -> None:
    client, _ = show_password(make_staff("Finance"), PASSWORD)
    assert is_in(client)
    settings.TWO_FACTOR_REQUIRED = True
    assert (client.get(INDEX).status_code, client.post(reverse("admin:billing_invoice_run")).status_code) == (302, 302)
    assert client.get(LOGIN).status_code == 200


def test_an_administrator_resets_a_lost_phone_with_a_reason(required: None) -> None:
    user, boss = make_staff("Finance"), make_staff(superuser=True)
    _, codes = give_phone(user)
    inside, _ = show_password(user, PASSWORD)
    inside.post(RECOVERY, {"code": codes[0]})
    phone, _ = give_phone(boss)
    admin, _ = show_password(boss, PASSWORD)
    admin.post(CODE, {"code": phone.show()})
    address = reverse("admin:accounts_user_reset", args=[user.pk])
    assert "This field is required" in admin.post(address, {"reason": ""}).content.decode()
    assert (Authenticator.objects.filter(user=user).count(), is_in(inside)) == (1, True)
    admin.post(address, {"reason": "Phone lost on the train"})
    assert (Authenticator.objects.filter(user=user).count(), RecoveryCode.objects.filter(user=user).count()) == (0, 0)
    assert (is_in(inside), is_in(admin)) == (False, True)
    entry = AuditEntry.objects.get(verb="reset-second-step")
    assert (entry.actor, entry.object_id, entry.reason) == (boss, str(user.pk), "Phone lost on the train")
    assert show_password(user, PASSWORD)[1] == SET_UP


@pytest.mark.parametrize("group", ["Finance", "Operations", "Support", "Read only"])
@pytest.mark.parametrize("door", ["reset", "log_out"])
def test_nobody_else_resets_one_or_logs_others_out(group: str, door: str) -> None:
    user = make_staff("Finance")
    give_phone(user)
    address = reverse(f"admin:accounts_user_{door}", args=[user.pk])
    assert log_in(group).post(address, {"reason": "mine now"}).status_code == 403
    assert Authenticator.objects.filter(user=user).exists()


def test_ones_own_codes_and_phone_are_replaced_with_a_code_of_the_present_one() -> None:
    user = make_staff("Finance")
    phone, old = give_phone(user)
    client, _ = show_password(user, PASSWORD)
    client.post(CODE, {"code": phone.show()})
    page = reverse("admin:second_step")
    assert client.post(page, {"code": "000000", "action": "codes"}).status_code == 200
    assert RecoveryCode.objects.count() == 10
    # The clocks agree to a minute: a third code is shown to a server that took none before.
    Authenticator.objects.update(last_step=0)
    new = client.post(page, {"code": phone.show_again(), "action": "codes"}).context["codes"]
    assert not set(new) & set(old)
    other, _ = show_password(user, PASSWORD)
    assert other.post(RECOVERY, {"code": old[0]}).status_code == 200
    assert other.post(RECOVERY, {"code": new[0]}).status_code == 302
    Authenticator.objects.update(last_step=0)
    assert client.post(page, {"code": phone.show_again(), "action": "replace"})["Location"] == SET_UP
    assert (Authenticator.objects.exists(), client.get(SET_UP).status_code) == (False, 200)


def test_two_processes_never_take_the_same_code() -> None:
    user = make_staff("Finance")
    phone, _ = give_phone(user)
    code = phone.show()
    assert [check_code(user, code), check_code(user, code)] == [True, False]


def test_a_sealed_secret_is_its_owners_alone() -> None:
    ada, bea = make_staff("Finance"), make_staff("Finance")
    one, two = Client(), Client()
    one.force_login(ada)
    two.force_login(bea)
    page = one.get(SET_UP)
    phone, sealed = Phone(page.context["secret"]), page.context["form"].initial["sealed"]
    for forged in (sealed, "gAAAAnonsense", ""):
        assert two.post(SET_UP, {"sealed": forged, "code": phone.show()}).status_code == 200
    assert not Authenticator.objects.exists()
