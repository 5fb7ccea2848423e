"""Name on an invoice the one that it replaces, for good once it is issued."""

import django.db.models.deletion
from django.db import migrations, models

GUARD = """
CREATE OR REPLACE FUNCTION billing_keep_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Invoice % is issued and can not be deleted', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.organization_id, NEW.month, NEW.kind, NEW.number, NEW.currency, NEW.subtotal_cents, NEW.tax_cents,
        NEW.total_cents, NEW.issue_date, NEW.due_date, NEW.corrects_id, {new}NEW.terms_id, NEW.seller, NEW.buyer)
       IS DISTINCT FROM
       (OLD.organization_id, OLD.month, OLD.kind, OLD.number, OLD.currency, OLD.subtotal_cents, OLD.tax_cents,
        OLD.total_cents, OLD.issue_date, OLD.due_date, OLD.corrects_id, {old}OLD.terms_id, OLD.seller, OLD.buyer)
       OR NEW.status IN ('draft', 'held', 'rejected', 'nothing_due') THEN
        RAISE EXCEPTION 'Invoice % is issued and can not be changed: void it or issue a credit note', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def _write_guard(*, with_replaces: bool) -> str:
    new, old = ("NEW.replaces_id, ", "OLD.replaces_id, ") if with_replaces else ("", "")
    return GUARD.format(new=new, old=old)


class Migration(migrations.Migration):
    dependencies = [("billing", "0018_lost_hours")]
    operations = [
        migrations.AddField(
            model_name="invoice",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replacements",
                to="billing.invoice",
            ),
        ),
        migrations.RunSQL(_write_guard(with_replaces=True), _write_guard(with_replaces=False)),
    ]
