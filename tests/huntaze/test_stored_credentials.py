"""Each credential that is stored can be tested at once, from its own page; a new one that can't fails here."""

from django.apps import apps
from django.urls import reverse

from common.encryption import EncryptedJSONField

# The button's address by model and column.
TESTED = {
    "alerts.channel.config": "admin:alerts_channel_test",
    "onlyfans.creatoraccount.credentials": "admin:onlyfans_creatoraccount_test",
}
# What is encrypted and opens nothing outside: a second step, which a code proves before it is kept, and the former
# system's data.
OPENS_NOTHING = {"authenticator.secret", "importsegment.position", "importedrecord.record"}


def test_whatever_is_stored_has_a_test() -> None:
    stored = {
        f"{model._meta.label_lower}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, EncryptedJSONField)
    }
    assert {name for name in stored if name.partition(".")[2] not in OPENS_NOTHING} == set(TESTED)
    for name in TESTED.values():
        assert reverse(name, args=[1]).endswith("/1/test/")
