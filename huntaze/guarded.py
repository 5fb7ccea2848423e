"""What holds for every admin, whoever wrote it: the site mixes this in, so that none can be registered without."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.db.models import CharField, Field
from django.forms import Field as FormField
from django.http import HttpRequest

from common.validators import validate_line
from huntaze.audited import AuditedAdmin
from huntaze.lists import DeclaredFilters

if TYPE_CHECKING:
    _ModelAdmin = ModelAdmin[Any]
else:
    _ModelAdmin = object


class SeenTexts(_ModelAdmin):
    """Takes only names that are shown as they are written."""

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> FormField | None:
        """Check each text of one line."""
        field: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(db_field, CharField) and field is not None and validate_line not in field.validators:
            field.validators.append(validate_line)
        return field


def guarded[Admin: ModelAdmin[Any]](admin_class: type[Admin]) -> type[Admin]:
    """Return the admin class, with all that."""
    if issubclass(admin_class, AuditedAdmin):
        return admin_class
    own = {"__module__": admin_class.__module__, "__doc__": admin_class.__doc__}
    return type(admin_class.__name__, (AuditedAdmin, DeclaredFilters, SeenTexts, admin_class), own)
