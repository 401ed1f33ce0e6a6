"""What a principal of Kafka may do, as the standard authorizer keeps it."""

from typing import Literal

from msgspec import Struct

Resource = Literal["topic", "group"]
Operation = Literal["read", "write", "create", "describe_configs"]
"""Reading and writing a topic include asking for it; reading a group is joining it and committing in it."""


class Right(Struct, frozen=True, kw_only=True, order=True):
    """One operation on one topic or group, or with `prefixed` on all whose name begins so."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False

    def covers(self, topic: str) -> bool:
        """Whether it says something of the topic."""
        named = topic.startswith(self.name) if self.prefixed else topic == self.name
        return self.resource == "topic" and named

    def __str__(self) -> str:
        return f"{self.operation} {self.resource} {self.name}{'*' if self.prefixed else ''}"
