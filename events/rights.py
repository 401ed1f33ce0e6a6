"""What a principal of Kafka may do, as ACLs of its standard authorizer."""

from typing import Literal

from msgspec import Struct

Resource = Literal["topic", "group"]
Operation = Literal["read", "write", "create", "describe_configs"]
"""Reading and writing a topic include describing it; reading a group means joining it and committing offsets
in it."""


class Right(Struct, frozen=True, kw_only=True, order=True):
    """One operation on one topic or group, or with `prefixed` on all whose names begin with this one."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False

    def covers(self, topic: str) -> bool:
        """Whether this right applies to the topic."""
        named = topic.startswith(self.name) if self.prefixed else topic == self.name
        return self.resource == "topic" and named

    def __str__(self) -> str:
        return f"{self.operation} {self.resource} {self.name}{'*' if self.prefixed else ''}"
