"""Organizations, users and groups, and the audit trail."""

from accounts.admin.audit import AuditEntryAdmin
from accounts.admin.log_ins import LockOutAdmin
from accounts.admin.people import GroupAdmin, OrganizationAdmin, PanelledAdmin, UserAdmin

__all__ = ["AuditEntryAdmin", "GroupAdmin", "LockOutAdmin", "OrganizationAdmin", "PanelledAdmin", "UserAdmin"]
