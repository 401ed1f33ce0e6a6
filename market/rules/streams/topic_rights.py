"""Rights of partners and of the project's own services to read and write Kafka topics."""

from typing import Final, Literal
from uuid import UUID

from events.rights import Operation, Right
from market.rules.streams.streams import partner_topic

Part = Literal[
    "record.", "record.market.v1", "audit.checkpoints.v1", "public.", "public.checkpoints.v1", "partner."
]
"""Of the declared topics; one that ends in a full stop is all of its kind."""

_SERVICES: Final[dict[str, dict[Part, tuple[Operation, ...]]]] = {
    "api": {},
    "relay": {"record.": ("read", "write", "describe_configs")},
    "matcher": {"record.market.v1": ("read",)},
    "follower": {"record.market.v1": ("read",)},
    "timers": {},
    "imports": {},
    "webhooks": {},
    "projector": {"record.market.v1": ("read",)},
    "publisher": {"record.": ("read",), "public.": ("write",), "partner.": ("write", "create")},
    "auditor": {"record.": ("read",), "audit.checkpoints.v1": ("read",)},
    "signer": {"audit.checkpoints.v1": ("read", "write"), "public.checkpoints.v1": ("read", "write")},
    "witness": {"record.": ("read",), "audit.checkpoints.v1": ("read", "write")},
}
SERVICES: Final = tuple(_SERVICES)


def service_user(topic_prefix: str, service: str) -> str:
    """The Kafka user of a service."""
    return f"{topic_prefix}service.{service}"


def service_rights(topic_prefix: str, service: str) -> frozenset[Right]:
    return frozenset(
        _topic(topic_prefix + part, operation)
        for part, operations in _SERVICES[service].items()
        for operation in operations
    )


def partner_user(topic_prefix: str, organisation: UUID) -> str:
    """The Kafka user of an organisation."""
    return f"{topic_prefix}partner.{organisation}"


def organisation_of_user(topic_prefix: str, user: str) -> UUID | None:
    """The inverse of `partner_user`; None for a user that is no partner's of these topics."""
    try:
        organisation = UUID(user.rpartition(".")[2])
    except ValueError:
        return None
    return organisation if user == partner_user(topic_prefix, organisation) else None


def partner_group_prefix(topic_prefix: str, organisation: UUID) -> str:
    """What the names of its consumer groups begin with."""
    return f"{partner_user(topic_prefix, organisation)}."


def partner_rights(topic_prefix: str, organisation: UUID) -> frozenset[Right]:
    """A partner's rights: its own topic, the public topics including the heads at every 64th event, and
    consumer groups for them.

    Not `audit.checkpoints.v1`, which reveals every single event of a lane, for example that somebody has
    answered.
    """
    groups = partner_group_prefix(topic_prefix, organisation)
    return frozenset(
        (
            _topic(partner_topic(topic_prefix, organisation), "read"),
            _topic(f"{topic_prefix}public.", "read"),
            Right(resource="group", name=groups, operation="read", prefixed=True),
        )
    )


def _topic(name: str, operation: Operation) -> Right:
    return Right(resource="topic", name=name, operation=operation, prefixed=name.endswith("."))
