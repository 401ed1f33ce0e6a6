"""A procurement policy on the screen: whose it is, the line that counts, what it shuts out, what it gives."""

from decimal import Decimal

from msgspec import Struct

from market.demo.printing import paragraph
from market.demo.supplies import Body

BY_POLICY = " by policy "
"""What follows in a reason are ids."""


class ShutOut(Struct, frozen=True, kw_only=True):
    """An offer that the policy shuts out, as an auditor reads it."""

    seller: str
    what: str
    reason: str


def policy(found: Body, firm: str, what: str) -> None:
    addressed = ", ".join(found["addressed_to"])
    paragraph(
        f"{firm} posted {what} under version {found['version']} of [bold]{found['title']}[/], "
        f"by {found['authority']}, for members of {addressed}"
    )


def effective(line: Body, own_percent: str) -> None:
    """The line that counts: the stricter of the buyer's own and the policy's."""
    whose = "the buyer's own" if line["own"] else "the policy's"
    paragraph(f"  own minimum {own_percent} %; the stricter one applies, {whose}: {line['figure']}")


def told(firm: str, reason: Body, shut_out: list[ShutOut]) -> None:
    counted = reason["counter_orders"]
    orders = "too few groups of companies to say how many" if counted is None else f"{counted} orders"
    versions = ", ".join(str(each["version"]) for each in reason["policies"])
    paragraph(f"  {firm} sees: {reason['text']} ({reason['own_figure']}, by version {versions}; {orders})")
    paragraph("  an auditor sees whose:")
    for each in shut_out:
        paragraph(f"    {each.what} of {each.seller}: [bold]{each.reason.partition(BY_POLICY)[0]}[/]")


def given(match: Body, seller: str, recycled_percent: str) -> None:
    paragraph(
        f"  the round gave it {Decimal(match['quantity_basis_kg']):,.3f} kg of {seller}, "
        f"{recycled_percent} % recycled"
    )
