"""How an organisation is reached: its postal address, and a mail address or link."""

from typing import Annotated, Final, Self

from msgspec import Meta
from msgspec.structs import asdict

from events import party_events
from market.http.wire.countries import CountryCode
from market.http.wire.material import Body
from market.rules.refusing.wording import NAME_PATTERN, ONE_LINE, UNSEEN, Name

CONTACT_PATTERN: Final = rf"^(?:https://[^\s{UNSEEN}]+|[^@\s{UNSEEN}]+@[^@\s{UNSEEN}]+)$" + ONE_LINE

ElectronicContact = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=CONTACT_PATTERN,
        description="An e-mail address, or a link https://….",
        examples=["trading@refiner.example"],
    ),
]


PostalCode = Annotated[str, Meta(min_length=1, max_length=16, pattern=NAME_PATTERN)]


class PostalAddress(Body, frozen=True, kw_only=True):
    """`street` with its number, or a box; `country` may be another than the entity's."""

    street: Name
    postal_code: PostalCode | None = None
    town: Name
    country: CountryCode

    def inside(self) -> party_events.PostalAddress:
        return party_events.PostalAddress(**asdict(self))

    @classmethod
    def outside(cls, value: party_events.PostalAddress) -> Self:
        return cls(**asdict(value))
