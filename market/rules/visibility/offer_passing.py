"""A fast path for offers through book, crowd and mix of a market's tape, since most events are offers.

The result equals that of `taping`, `mixing` and `crowd`, which a test compares. What they look up again for
each offer is looked up once here for consecutive offers.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias
from uuid import UUID

from events.envelope import Recorded
from events.market_events import SupplyOffered
from events.vocabulary import ProductForm
from market.rules.book import Book, fold_offered
from market.rules.viewers import public_ids
from market.rules.visibility.crowd import HALF, Behind, Crowd, Standing, TapeViewer, add_grams, shown_to
from market.rules.visibility.mixing import Mix, Told, WaitingOrder, kind_of, mixed, order_leaving
from market.rules.visibility.tape import OrderTopic, TapeOrder, supply_in_bands

TOPIC: Final[OrderTopic] = "public.supply-offers.v1"
PassOffer: TypeAlias = Callable[[Recorded, SupplyOffered], tuple[Told, ...] | None]
"""What leaves for the tape with an offer, which book, crowd and mix have passed then. None, and nothing is
done, where the book holds an order of that id: that is for the rule."""
Stands: TypeAlias = tuple[Behind, Standing, Standing | None]
"""What an organisation has behind a form, and its group of companies: None while it is suspended."""


def offers_past(book: Book, crowd: Crowd, mix: Mix, viewer: TapeViewer) -> PassOffer:
    """Of these, for as long as nothing but the offers that it is given brings them on."""
    market, members, suspended, of_side = book.market, book.members, book.suspended, crowd.seller
    groups_min, waiting, places = book.terms.public_organisations_min, mix.orders, mix.places
    public_id = public_ids(viewer.key, TOPIC).of
    sellers: dict[int, tuple[UUID, UUID, UUID | None, dict[ProductForm, Stands]]] = {}

    def pass_offer(event: Recorded, fact: SupplyOffered) -> tuple[Told, ...] | None:
        terms, offer = fact.terms, fact.offer
        number = fact.organisation.int
        seller = sellers.get(number)
        if seller is None:
            member = members[fact.organisation]
            organisation, group = member.organisation, member.group
            counted = None if organisation in suspended else group
            seller = sellers[number] = organisation, group, counted, {}
        organisation, group, counted, stands = seller
        if not fold_offered(book, event, fact, organisation):
            return None
        form = terms.form
        alone, kind = _alone(form)
        line: TapeOrder | None = None
        if not terms.visible_to_initiatives or shown_to(terms, viewer):
            behind = of_side.get(form)
            if (
                behind is not None
                and behind.available_groups >= groups_min
                and behind.most_g * HALF <= behind.available_g
            ):
                line = supply_in_bands(TOPIC, public_id(offer), "posted", terms, market, alone)
            standing, basis_g = stands.get(form), terms.basis_g
            if standing is not None:
                _grow(*standing, basis_g)
            elif basis_g:
                add_grams(of_side, organisation, counted, terms, viewer, basis_g, 0)
                stands[form] = _standing(of_side[form], organisation, counted)
        if line is None:
            return order_leaving(mix, event.id, offer, group, None, book) if offer in places else ()
        place = kind, group
        if places.setdefault(offer, place) is not place:
            return order_leaving(mix, event.id, offer, group, line, book)
        alike = waiting.get(kind)
        if alike is None:
            alike = waiting[kind] = {}
        of_same = alike.get(group)
        if of_same is None:
            of_same = alike[group] = {}
        of_same[offer] = WaitingOrder(order=offer, event=event.id, line=line)
        return () if len(alike) < groups_min else mixed(mix, kind, book)

    return pass_offer


@lru_cache(maxsize=64)
def _alone(form: ProductForm) -> tuple[tuple[ProductForm, ...], str]:
    """What an offer of a form shows of it, and its kind of line."""
    return (form,), kind_of(TOPIC, (form,))


def _standing(behind: Behind, organisation: UUID, group: UUID | None) -> Stands:
    return behind, behind.organisations[organisation], None if group is None else behind.groups[group]


def _grow(behind: Behind, own: Standing, of_group: Standing | None, available_g: int) -> None:
    """As `add_grams`, of an organisation with grams to offer behind the form, and so its group with some."""
    own.available_g += available_g
    if of_group is None:
        return
    of_group.available_g = after_g = of_group.available_g + available_g
    behind.available_g += available_g
    if after_g > behind.most_g:
        behind.most_g = after_g
