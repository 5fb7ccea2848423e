"""The event log: a table a month of events, which the database keeps as they were written."""

import django.db.models.deletion
from django.db import migrations, models

# Django knows `id` as the key; a partitioned table's key must hold the column it is partitioned by, too.
TABLE = """
CREATE TABLE analytics_event (
    id bigserial NOT NULL,
    name varchar(80) NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    organization_id varchar(64) REFERENCES accounts_organization (id) DEFERRABLE INITIALLY DEFERRED,
    creator varchar(64) NOT NULL,
    provider varchar(32) NOT NULL,
    source varchar(64) NOT NULL,
    properties jsonb NOT NULL,
    idempotency_key varchar(255) NOT NULL,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX analytics_event_time ON analytics_event (occurred_at, id);
CREATE INDEX analytics_event_name ON analytics_event (name, occurred_at, id);
CREATE INDEX analytics_event_org ON analytics_event (organization_id, occurred_at, id);
CREATE INDEX analytics_event_org_name ON analytics_event (organization_id, name, occurred_at, id);
CREATE INDEX analytics_event_creator ON analytics_event (creator, occurred_at, id) WHERE creator <> '';
"""
DROP_TABLE = "DROP TABLE analytics_event;"

GUARD = """
CREATE FUNCTION analytics_keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Event % can be neither changed nor deleted', OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE FUNCTION analytics_keep_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Events can not be deleted, only months of them by policy'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER analytics_event_stays BEFORE UPDATE OR DELETE ON analytics_event
    FOR EACH ROW EXECUTE FUNCTION analytics_keep_event();
CREATE TRIGGER analytics_events_stay BEFORE TRUNCATE ON analytics_event
    FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_events();
"""
UNGUARD = """
DROP FUNCTION analytics_keep_events() CASCADE;
DROP FUNCTION analytics_keep_event() CASCADE;
"""

# Only attaching locks anybody out, and only from the default partition; where events of the month wait in there, they
# move, which is the one moment in which nobody can read or write the log. A detached table has lost its row triggers.
PARTITIONS = """
CREATE TABLE analytics_event_default PARTITION OF analytics_event DEFAULT;
CREATE TRIGGER analytics_events_stay BEFORE TRUNCATE ON analytics_event_default
    FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_events();

CREATE FUNCTION analytics_add_month(month date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    title text := 'analytics_event_' || to_char(month, '"y"YYYY"m"MM');
    starts timestamptz := date_trunc('month', month)::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', month) + interval '1 month')::timestamp AT TIME ZONE 'UTC';
    moved bigint := 0;
    waiting boolean;
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE analytics_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', title);
    waiting := EXISTS (SELECT 1 FROM analytics_event_default WHERE occurred_at >= starts AND occurred_at < ends);
    IF waiting THEN
        LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE analytics_event DETACH PARTITION analytics_event_default;
        EXECUTE format(
            'INSERT INTO %I SELECT * FROM analytics_event_default WHERE occurred_at >= $1 AND occurred_at < $2', title
        ) USING starts, ends;
        GET DIAGNOSTICS moved = ROW_COUNT;
        DELETE FROM analytics_event_default WHERE occurred_at >= starts AND occurred_at < ends;
    END IF;
    EXECUTE format('ALTER TABLE analytics_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', title, starts, ends);
    IF waiting THEN
        ALTER TABLE analytics_event ATTACH PARTITION analytics_event_default DEFAULT;
    END IF;
    EXECUTE format('CREATE TRIGGER analytics_events_stay BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_events()', title);
    RETURN moved;
END $$;

SELECT analytics_add_month((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date)
FROM generate_series(0, 1) AS ahead;
"""
NO_PARTITIONS = "DROP FUNCTION analytics_add_month(date);"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0004_audit_request_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventKey",
            fields=[
                ("digest", models.UUIDField(primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("name", models.CharField(max_length=80)),
                        ("occurred_at", models.DateTimeField()),
                        ("recorded_at", models.DateTimeField()),
                        ("creator", models.CharField(blank=True, help_text="The provider's own id.", max_length=64)),
                        ("provider", models.CharField(blank=True, max_length=32)),
                        ("source", models.CharField(blank=True, help_text="Who told of it.", max_length=64)),
                        ("properties", models.JSONField(blank=True, default=dict)),
                        ("idempotency_key", models.CharField(max_length=255)),
                        (
                            "organization",
                            models.ForeignKey(
                                blank=True,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.organization",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-occurred_at", "-id"],
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(fields=["occurred_at", "id"], name="analytics_event_time"),
                            models.Index(fields=["name", "occurred_at", "id"], name="analytics_event_name"),
                            models.Index(fields=["organization", "occurred_at", "id"], name="analytics_event_org"),
                            models.Index(
                                fields=["organization", "name", "occurred_at", "id"], name="analytics_event_org_name"
                            ),
                            models.Index(
                                condition=models.Q(("creator", ""), _negated=True),
                                fields=["creator", "occurred_at", "id"],
                                name="analytics_event_creator",
                            ),
                        ],
                    },
                ),
            ],
            database_operations=[migrations.RunSQL(TABLE, DROP_TABLE)],
        ),
        migrations.RunSQL(GUARD, UNGUARD),
        migrations.RunSQL(PARTITIONS, NO_PARTITIONS),
    ]
