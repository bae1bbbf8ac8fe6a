"""Access: the roles of those who ask the worker, and what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """Whose token it is; each may what the one before may, and more."""

    MEMBER = "member"
    OPERATOR = "operator"
    ADMIN = "admin"
    OWNER = "owner"


class Permission(StrEnum):
    """What one endpoint needs; a 403 names it."""

    HEALTH_READ = "health:read"
    SELF_READ = "self:read"
    FLEET_READ = "fleet:read"
    SCORES_READ = "scores:read"
    METRICS_READ = "metrics:read"
    SESSIONS_READ = "sessions:read"
    LOGS_READ = "logs:read"
    GATEWAYS_READ = "gateways:read"
    FINDINGS_WRITE = "findings:write"
    EVENTS_WRITE = "events:write"
    ACTIONS_WRITE = "actions:write"
    FLEET_CHOOSE = "fleet:choose"
    """Choose which fleet on the broker everybody's deck looks at: it changes what others see."""
    WEIGHTS_WRITE = "weights:write"
    AGENTS_READ = "agents:read"
    """The organization's list of agents, Mission Control's; the fleet itself is `fleet:read`."""
    TOKENS_READ = "tokens:read"
    AUDIT_READ = "audit:read"
    TOKENS_WRITE = "tokens:write"


_MEMBER = frozenset(
    {
        Permission.HEALTH_READ,
        Permission.SELF_READ,
        Permission.FLEET_READ,
        Permission.SCORES_READ,
        Permission.METRICS_READ,
    },
)
_OPERATOR = _MEMBER | {
    Permission.SESSIONS_READ,
    Permission.LOGS_READ,
    Permission.GATEWAYS_READ,
    Permission.FINDINGS_WRITE,
    Permission.EVENTS_WRITE,
    Permission.ACTIONS_WRITE,
    Permission.FLEET_CHOOSE,
}
_ADMIN = _OPERATOR | {
    Permission.WEIGHTS_WRITE,
    Permission.AGENTS_READ,
    Permission.TOKENS_READ,
    Permission.AUDIT_READ,
}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.MEMBER: _MEMBER,
        Role.OPERATOR: _OPERATOR,
        Role.ADMIN: _ADMIN,
        Role.OWNER: _ADMIN | {Permission.TOKENS_WRITE},
    }
)
"""What each role may."""


def allows(role: Role, permission: Permission) -> bool:
    """Whether somebody of this role may do it."""
    return permission in PERMISSIONS[role]
