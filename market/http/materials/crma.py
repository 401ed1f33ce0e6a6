"""The CRMA monitor: shares of consumption by stage and country, and where a company's suppliers got it."""

from datetime import date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from contracts.rules.days import midnight, months_later
from contracts.store.deliveries import accepted_between
from events.connections import Connection
from market import data
from market.http.materials.crma_map_views import MappedView, SupplierMapView, map_sheet
from market.http.materials.crma_views import (
    BandedElementView,
    BandedSharesView,
    CoverView,
    ElementView,
    SharesView,
    banded_sheet,
    shares_sheet,
)
from market.http.materials.passports import viewer
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.faults import Fault
from market.http.wire.ids import MarketId, to_text, to_uuid
from market.http.wire.loading import COST, RATE
from market.http.wire.material import check_days
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_desk, sees_all
from market.http.wire.sheets import SHAPES, Shape, answer
from market.rules.crma.dated import CrmaRules, rules_on
from market.rules.crma.declared import Scope, declared_taken
from market.rules.crma.declared_volumes import DeclaredVolume
from market.rules.crma.shares import (
    Cover,
    ElementShares,
    Party,
    Taken,
    consumed,
    cover,
    masses,
    shares,
    taken_by_delivery,
    taken_by_order,
)
from market.rules.crma.suppliers import Bought, supplier_map
from market.rules.passport import Passport
from market.rules.twins.capacities import quarter_of, quarter_start
from market.rules.twins.dated_rules import DatedRule, read_rules
from market.rules.viewers import OrganisationViewer
from market.rules.visibility.crma_visibility import BandedShares, Counted, see_shares
from market.rules.visibility.passport_visibility import see_passport
from market.store import crma as store
from market.store import declared_volumes
from market.store.passports import load_several

TAG: Final = "CRMA"
MONTHS_MAX: Final = 60
MONTHS_SHOWN: Final = 12
ONE_DAY: Final = timedelta(days=1)
PUBLIC_MIN: Final = 5
MAPPED_LOTS_MAX: Final = 500
STATUSES: Final[dict[Counted, tuple[str, ...]]] = {
    "struck": ("open", "confirmed"),
    "confirmed": ("confirmed",),
}


class PeriodQuery(Struct, frozen=True, kw_only=True):
    """Quarters, the first day of each; without `since` a year, without `until` to the end of this quarter."""

    market: MarketId | None = None
    since: date | None = None
    until: date | None = None
    format: Annotated[Shape | None, Meta(description="Instead of an Accept header.")] = None

    def __post_init__(self) -> None:
        check_days(self)


class SharesQuery(PeriodQuery, frozen=True, kw_only=True):
    """`counted`: one state of trades; they are never added up, since a delivery was a match before."""

    of: Annotated[
        Literal["own", "union"], Meta(description="One's own purchases, or consumption in the Union.")
    ] = "own"
    counted: Counted = "confirmed"


@cache
def dated_rules() -> tuple[DatedRule, ...]:
    return read_rules(data.rows("crma_rules.csv"))


@endpoint(
    "GET",
    "/v1/crma/shares",
    roles=READERS,
    summary="Read shares of consumption by stage and country",
    tag=TAG,
    query=SharesQuery,
    answer=(SharesView, BandedSharesView),
    shapes=SHAPES,
    cost=COST,
    problems=(422,),
    description=(
        "Of each strategic element: what the Union and each country extracted, processed and recycled of "
        "what was taken, against the benchmarks and the ceiling of Article 5, and stocks as days of net "
        "imports. Trades and volumes that were declared beside them are told apart and together; of a market "
        "the latter are those of its members, in the elements of its basis. A company's own whole, of its "
        "confirmed matches or accepted deliveries; the Union's or a market's whole for operators and "
        "auditors, for everybody else trades alone, in bands, of finished quarters, and "
        f"of elements that enough groups of companies stand behind. {RATE}"
    ),
)
async def read_shares(call: Call[Nothing, SharesQuery]) -> Answer:
    query = call.query
    own = call.caller.organisation if query.of == "own" else None
    if query.counted == "struck" and (own is not None or not sees_all(call.caller)):
        detail = "what is struck and not confirmed is sealed; operators and auditors count it in the Union"
        fault = Fault(code="sealed", detail=detail, parameter="counted")
        raise DoorError("inconsistent", "These trades cannot be counted here.", faults=[fault])
    banded = own is None and not _whole(call, query.counted)
    since, until = period(query, call.door.clock(), finished=banded)
    as_of = until - ONE_DAY
    rules = rules_on(dated_rules(), as_of)
    market = None if query.market is None else to_uuid(query.market)
    async with as_desk(call) as connection:
        taken = await _load(connection, query.counted, market, since, until, own, rules)
        if not banded:
            taken += [lot for _, lot in await _load_declared(connection, market, since, until, own, rules)]
        least = await store.organisations_min(connection, market) or PUBLIC_MIN
        stock = None if banded or market is not None else await store.load_stock(connection, own)
        holders = await _parties(connection, {each.holder for each in stock or ()})
    counted = consumed(taken, rules) if own is None else [each for each in taken if _bought(each, own)]
    who = viewer(call) if own is None else OrganisationViewer(organisation=own)
    seen = see_shares(shares(counted, rules), who, query.counted, least, own)
    head: dict[str, Any] = {
        "organisation": None if own is None else to_text("org", own),
        "market": query.market,
        "since": since,
        "until": until,
        "counted": query.counted,
        "rules_as_of": as_of,
    }
    if banded:
        bands = tuple(BandedElementView.of(each) for each in seen if isinstance(each, BandedShares))
        view = BandedSharesView(bands=bands, **head)
        return answer(call, view, banded_sheet(view), query.format)
    whole = SharesView(
        elements=tuple(ElementView.of(each) for each in seen if isinstance(each, ElementShares)),
        cover=None
        if stock is None
        else tuple(map(CoverView.of, _cover(stock, holders, taken, rules, (until - since).days, own))),
        **head,
    )
    return answer(call, whole, shares_sheet(whole), query.format)


def _whole(call: Call[Any, Any], counted: Counted) -> bool:
    """Contracts are their parties' and auditors' alone."""
    roles = call.caller.roles
    return "auditor" in roles or ("operator" in roles and counted != "delivered")


def _bought(taken: Taken, organisation: UUID) -> bool:
    return taken.buyer.organisation == organisation


def _cover(
    stock: list[Passport],
    holders: dict[UUID, Party],
    taken: list[Taken],
    rules: CrmaRules,
    period_days: int,
    own: UUID | None,
) -> tuple[Cover, ...]:
    stocks_mg: dict[str, int] = {}
    for lot in stock:
        if own is None and holders[lot.holder].country not in rules.union:
            continue
        for element, mass_mg in masses(lot.content, lot.remaining_g, rules.strategic).items():
            stocks_mg[element] = stocks_mg.get(element, 0) + mass_mg
    return cover(stocks_mg, taken, rules, period_days, own)


async def _load(
    connection: Connection,
    counted: Counted,
    market: UUID | None,
    since: date,
    until: date,
    own: UUID | None,
    rules: CrmaRules,
) -> list[Taken]:
    """DoorError when there are too many lots for one answer."""
    if counted == "delivered":
        found = await accepted_between(connection, market, since, until, own, limit=store.LOTS_MAX + 1)
        _check_size(len(found), store.LOTS_MAX)
        named = [each.delivery.shipped.passport for each in found]
        known = await load_several(connection, [each for each in named if each is not None])
        parties = await _parties(connection, {side for each in found for side in (each.seller, each.buyer)})
        return [
            taken_by_delivery(
                each.delivery.fractions_ppb,
                None if passport is None else passport.content,
                (mass.net_wet_g, mass.moisture_ppb),
                (parties[each.seller], parties[each.buyer]),
                rules,
            )
            for each in found
            for shipped in (each.delivery.shipped,)
            for mass in (each.delivery.mass,)
            for passport in (None if shipped.passport is None else known.get(shipped.passport),)
        ]
    lots = await store.load_taken(
        connection, market, midnight(since), midnight(until), own, STATUSES[counted]
    )
    _check_size(len(lots), store.LOTS_MAX)
    known = await load_several(connection, [each.passport for each in lots if each.passport is not None])
    parties = await _parties(connection, {side for each in lots for side in (each.seller, each.buyer)})
    return [
        taken_by_order(
            each.terms,
            None if each.passport is None or each.passport not in known else known[each.passport].content,
            each.quantity_g,
            (parties[each.seller], parties[each.buyer]),
            rules,
        )
        for each in lots
    ]


async def _load_declared(
    connection: Connection,
    market: UUID | None,
    since: date,
    until: date,
    own: UUID | None,
    rules: CrmaRules,
) -> list[tuple[DeclaredVolume, Taken]]:
    """Of a market those of its members, in the elements of its basis. DoorError when there are too many."""
    basis = None if market is None else await store.market_basis(connection, market)
    found = await declared_volumes.load_counted(connection, since, until, own, market)
    _check_size(len(found), declared_volumes.VOLUMES_MAX)
    parties = await _parties(connection, {each.organisation for each in found})
    return declared_taken(found, parties, rules, Scope(own=own, basis=basis))


async def _parties(connection: Connection, organisations: set[UUID]) -> dict[UUID, Party]:
    found = await store.load_organisations(connection, sorted(organisations))
    return {each: Party.of(known) for each, known in found.items()}


def _check_size(lots: int, lots_max: int) -> None:
    if lots > lots_max:
        detail = f"more than {lots_max:,} lots: name a market or a shorter time"
        fault = Fault(code="out_of_range", detail=detail, parameter="since")
        raise DoorError("inconsistent", "That is too much for one answer.", faults=[fault])


def period(query: PeriodQuery, now: datetime, *, finished: bool) -> tuple[date, date]:
    """The first day in and the first day out. DoorError for what are no quarters, or not `finished` ones."""
    this_quarter, next_quarter = (quarter_start(quarter_of(now) + later).date() for later in (0, 1))
    until = query.until or (this_quarter if finished else next_quarter)
    since = query.since or months_later(until, -MONTHS_SHOWN)
    faults = [
        Fault(code="not_first_of_quarter", detail="name the first day of a quarter", parameter=name)
        for name, day in (("since", since), ("until", until))
        if day != quarter_start(quarter_of(day)).date()
    ]
    if not faults and not since < until <= months_later(since, MONTHS_MAX):
        detail = f"`until` comes after `since`, at most {MONTHS_MAX} months"
        faults.append(Fault(code="out_of_range", detail=detail, parameter="until"))
    if not faults and finished and until > this_quarter:
        detail = "everybody sees the Union's finished quarters"
        faults.append(Fault(code="not_finished", detail=detail, parameter="until"))
    if faults:
        raise DoorError("inconsistent", "These quarters are no period of the monitor.", faults=faults)
    return since, until


@endpoint(
    "GET",
    "/v1/crma/supplier-map",
    roles=READERS,
    summary="Export where suppliers' material comes from",
    tag=TAG,
    query=PeriodQuery,
    answer=SupplierMapView,
    shapes=SHAPES,
    cost=COST,
    problems=(422,),
    description=(
        "Of what the caller bought in confirmed matches, or declared that it bought elsewhere: where each "
        "element was extracted, processed and recycled, by supplier and lot, and the passport, the order or "
        "the declaration that says so (Article 24). What nobody "
        f"answered stands as `did_not_answer`. At most {MAPPED_LOTS_MAX} lots. `format=csv` for a file. "
        f"{RATE}"
    ),
)
async def read_map(call: Call[Nothing, PeriodQuery]) -> Answer:
    query, own = call.query, call.caller.organisation
    since, until = period(query, call.door.clock(), finished=False)
    rules = rules_on(dated_rules(), until - ONE_DAY)
    market = None if query.market is None else to_uuid(query.market)
    async with as_desk(call) as connection:
        lots = await store.load_taken(
            connection, market, midnight(since), midnight(until), own, STATUSES["confirmed"]
        )
        lots = [each for each in lots if each.buyer == own]
        _check_size(len(lots), MAPPED_LOTS_MAX)
        known = await load_several(connection, [each.passport for each in lots if each.passport is not None])
        names = await store.load_organisations(connection, sorted({own, *(each.seller for each in lots)}))
        stated = await _load_declared(connection, market, since, until, own, rules)
    declared = [(volume, lot) for volume, lot in stated if _bought(lot, own)]
    _check_size(len(lots) + len(declared), MAPPED_LOTS_MAX)
    parties = {of: Party.of(name) for of, name in names.items()}
    bought = [_lot(each, known, parties, rules) for each in lots]
    bought += [Bought(taken=lot, source="declaration", reference=volume.volume) for volume, lot in declared]
    terms = {volume.volume: volume.terms for volume, _ in declared}
    view = SupplierMapView(
        organisation=to_text("org", own),
        market=query.market,
        since=since,
        until=until,
        counted="confirmed",
        stages=tuple(
            MappedView.of(each, terms[each.reference].counterparty, terms[each.reference].document.title)
            if each.supplier is None
            else MappedView.of(each, names[each.supplier].name)
            for each in supplier_map(bought)
        ),
    )
    return answer(call, view, map_sheet(view), query.format)


def _lot(
    lot: store.TakenLot, known: dict[UUID, Passport], parties: dict[UUID, Party], rules: CrmaRules
) -> Bought:
    """As the buyer of a confirmed match may see it: without the supplier's own sources before delivery."""
    passport = None if lot.passport is None else known.get(lot.passport)
    seen = None
    if passport is not None:
        seen = see_passport(passport, OrganisationViewer(organisation=lot.buyer), frozenset({lot.buyer}))
    content = None if seen is None else seen.content
    between = (parties[lot.seller], parties[lot.buyer])
    return Bought(
        taken=taken_by_order(lot.terms, content, lot.quantity_g, between, rules),
        source=lot.kind if seen is None else "passport",
        reference=lot.supply if seen is None else seen.passport,
    )


HANDLERS: Final = (read_shares, read_map)
