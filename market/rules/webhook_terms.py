"""A webhook as the desk knows it."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from events.party_events import Url
from events.vocabulary import Instant
from market.rules.refusing.wording import Code

WEBHOOKS_MAX = 10
TYPES_MAX = 200
MARKETS_MAX = 100


class WebhookTerms(Struct, frozen=True, kw_only=True):
    """No types, or no markets: of all. What is of no market is posted only where no markets are named."""

    url: Url
    types: Annotated[tuple[Code, ...], Meta(max_length=TYPES_MAX)] = ()
    markets: Annotated[tuple[UUID, ...], Meta(max_length=MARKETS_MAX)] = ()


class Webhook(Struct, frozen=True, kw_only=True):
    """Secrets of `generation` sign, and those of the one before until `previous_until`.

    `registered_at`: events from then on are posted. `disabled`: it was not its owner who let it rest.
    """

    organisation: UUID
    webhook: UUID
    terms: WebhookTerms
    version: int
    active: bool = True
    disabled: Literal["failing", "gone"] | None = None
    generation: int = 1
    previous_until: Instant | None = None
    registered_at: Instant
    removed: bool = False

    def generations(self, now: Instant) -> tuple[int, ...]:
        """Whose secrets sign, the newest first."""
        if self.previous_until is not None and now < self.previous_until:
            return (self.generation, self.generation - 1)
        return (self.generation,)
