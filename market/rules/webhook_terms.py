"""The terms and state of a webhook."""

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
    """Without types or markets: all. Events without a market are only posted if no markets are named."""

    url: Url
    types: Annotated[tuple[Code, ...], Meta(max_length=TYPES_MAX)] = ()
    markets: Annotated[tuple[UUID, ...], Meta(max_length=MARKETS_MAX)] = ()


class Webhook(Struct, frozen=True, kw_only=True):
    """Secrets of `generation` sign, and those of the previous one until `previous_until`. `registered_at`:
    events from then on are posted. `disabled`: it was paused automatically, not by its owner."""

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
        """The generations whose secrets sign, the newest first."""
        if self.previous_until is not None and now < self.previous_until:
            return (self.generation, self.generation - 1)
        return (self.generation,)
