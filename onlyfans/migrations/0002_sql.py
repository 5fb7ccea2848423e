"""Load the SQL that has changed."""

from django.db import migrations

from common.sql import LoadSQL

# A reference that is checked when the transaction ends is looked up by a plan of its own, made without the functions'
# settings: in a session that began while the table was empty, by reading all of it for each row.
_REFERENCES = {
    "onlyfans_earningsrevision": ["onlyfans_earningsrev_creator_id_a3be32a4_fk_onlyfans_"],
    "onlyfans_earningsaggregate": [
        "onlyfans_earningsagg_creator_id_4bffc6c0_fk_onlyfans_",
        "onlyfans_earningsagg_revision_id_7502b58b_fk_onlyfans_",
    ],
}


def _check_references(when: str) -> str:
    return "".join(
        f"ALTER TABLE {table} ALTER CONSTRAINT {name} DEFERRABLE INITIALLY {when};"
        for table, names in _REFERENCES.items()
        for name in names
    )


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0001_initial")]
    operations = [
        LoadSQL(
            {
                "functions/onlyfans_fingerprint.sql": "29b2bb784bef1e74",
                "functions/onlyfans_ingest.sql": "d2f0d281c67ba203",
                "functions/onlyfans_ingest_call.sql": "f7d9723e43d8863f",
                "functions/onlyfans_ingest_one.sql": "76e572c867b64e15",
                "functions/onlyfans_ingest_rows.sql": "d023bab6cdd0430e",
                "functions/onlyfans_note_change.sql": "a5a89928768b32a5",
                "functions/onlyfans_note_creator_change.sql": "466f22352ba4a729",
                "functions/onlyfans_note_creator_left.sql": "df23648da18187dd",
                "triggers/onlyfans_creatoraccount.sql": "7db933252f5a1347",
                "triggers/onlyfans_earningsaggregate.sql": "61d97b7ad15016fc",
            }
        ),
        migrations.RunSQL(_check_references("IMMEDIATE"), _check_references("DEFERRED")),
    ]
