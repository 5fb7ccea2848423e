"""Organizations, the people who log in, and what was done by whom."""

from accounts.models.audit import AuditEntry
from accounts.models.log_ins import Authenticator, LockOut, RecoveryCode
from accounts.models.people import Organization, User, UserManager, new_organization_id

__all__ = [
    "AuditEntry",
    "Authenticator",
    "LockOut",
    "Organization",
    "RecoveryCode",
    "User",
    "UserManager",
    "new_organization_id",
]
