"""Partners of initiatives: invited, answering, removed, leaving; the initiative stays as it is meanwhile."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from msgspec.structs import replace

from events.connections import Connection
from events.decision import Moment
from market.commands.party_steps import Asked, OfOrganisation, PartyStep, load_organisation
from market.rules.parties import partners as rules
from market.rules.parties.parties import OrganisationState
from market.store import initiatives, partners


class OfPartner(OfOrganisation, Protocol):
    @property
    def initiative(self) -> str: ...


P = TypeVar("P", bound=OfPartner)


async def load_with_initiative(
    connection: Connection, asked: Sequence[Asked[P]], moment: Moment
) -> Sequence[OrganisationState]:
    """Also the initiative, whose lane the transaction holds, and who asked the organisation into it."""
    states = await load_organisation(connection, asked, moment)
    return [
        replace(
            state,
            initiative=await initiatives.load_initiative(connection, ask.argument.initiative),
            invited_by=await partners.inviter(
                connection, ask.lane, ask.argument.organisation, ask.argument.initiative
            ),
        )
        for state, ask in zip(states, asked, strict=True)
    ]


def named_by(argument: OfPartner) -> Sequence[str]:
    return [argument.initiative]


invite = PartyStep("partner.invite", rules.invite, load_with_initiative, named_by)
withdraw = PartyStep("partner.withdraw-invitation", rules.withdraw, load_with_initiative, named_by)
answer = PartyStep("partner.answer", rules.answer, load_with_initiative, named_by)
leave = PartyStep("partner.leave", rules.leave, load_with_initiative, named_by)
remove = PartyStep("partner.remove", rules.remove, load_with_initiative, named_by)
