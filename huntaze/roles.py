"""What each group of staff may do. The groups are brought to this table after every `migrate`.

Everybody sees everything but users' rights and what stands under *hidden*. A permission is written with the verb and
the model, as Django names it: `billing.approve_invoice` is `approve_invoice` under `billing`.
"""

from accounts.roles import Role

_LOCK_OUTS = {"accounts": ["view_lockout"]}

FINANCE = Role(
    "Finance",
    granted={
        "accounts": ["change_organization"],
        "alerts": ["change_incident"],
        "analytics": ["export_dashboard"],
        "billing": [
            *("run_billing", "approve_invoice", "correct_invoice", "deliver_invoice", "record_payment"),
            *("add_billingaccount", "change_billingaccount", "park_billingaccount"),
            *("add_plan", "change_plan"),
            *("add_commissionbracket", "change_commissionbracket", "delete_commissionbracket"),
            *("add_meter", "change_meter", "add_meterprice", "change_meterprice", "delete_meterprice"),
            *("process_stripeevent", "dismiss_stripeevent"),
        ],
        "onlyfans": [
            *("add_earningsaggregate", "change_earningsaggregate", "dismiss_unmatchedaggregate"),
            *("retry_resultfile", "dismiss_resultfile"),
        ],
    },
    hidden=_LOCK_OUTS,
)

OPERATIONS = Role(
    "Operations",
    granted={
        "accounts": ["add_organization", "change_organization", "unlock_lockout"],
        "alerts": [
            *("add_channel", "change_channel", "add_rule", "change_rule", "delete_rule"),
            *("change_incident", "change_notification", "dismiss_notification"),
        ],
        "analytics": ["export_dashboard", "record_event"],
        "billing": ["process_stripeevent", "dismiss_stripeevent"],
        "django_celery_beat": ["change_periodictask"],
        "huntaze": ["run_tableimport"],
        "jobs": ["start_jobrun", "change_jobmonitor"],
        "onlyfans": [
            *("add_creatoraccount", "change_creatoraccount", "dismiss_unmatchedaggregate"),
            *("retry_resultfile", "dismiss_resultfile"),
        ],
    },
    hidden={},
)

SUPPORT = Role(
    "Support",
    granted={"onlyfans": ["change_creatoraccount"]},
    hidden={"accounts": ["view_lockout", "view_auditentry"]},
)

READ_ONLY = Role("Read only", granted={}, hidden=_LOCK_OUTS)

ROLES = (FINANCE, OPERATIONS, SUPPORT, READ_ONLY)
