"""The CRMA monitor: shares of consumption by stage and country, and a company's supplier map."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from contracts.rules.days import midnight, months_later
from events.connections import Connection
from events.passport_terms import PassportContent
from market import data
from market.http.materials.crma_lots import (
    Asked,
    Shown,
    check_size,
    load_declared,
    load_lots,
    load_parties,
)
from market.http.materials.crma_map_views import MappedView, SupplierMapView, map_sheet
from market.http.materials.crma_sheets import banded_sheet, shares_sheet
from market.http.materials.crma_views import (
    BandedElementView,
    BandedSharesView,
    CoverView,
    ElementView,
    ReusedView,
    SharesView,
)
from market.http.materials.passport_reads import viewer
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
from market.rules.crma.resales import less_resold
from market.rules.crma.shares import Cover, ElementShares, consumed, cover, reused, shares
from market.rules.crma.suppliers import Bought, supplier_map
from market.rules.crma.taken import Party, Taken, masses
from market.rules.passport import Passport
from market.rules.twins.capacities import quarter_of, quarter_start
from market.rules.twins.dated_rules import DatedRule, read_rules
from market.rules.viewers import OrganisationViewer
from market.rules.visibility.crma_visibility import OF_CONTRACTS, BandedShares, Counted, see_shares
from market.rules.visibility.passport_visibility import see_passport
from market.store import crma as store

TAG: Final = "CRMA"
MONTHS_MAX: Final = 60
MONTHS_SHOWN: Final = 12
ONE_DAY: Final = timedelta(days=1)
PUBLIC_MIN: Final = 5
TAKEN: Final = (
    "`taken` has each material once: what was delivered and accepted, also under agreements that no match "
    "led to, in the period in which it was shipped, and what is still to come of confirmed matches in the "
    "period of their round."
)
COUNTED_DEFAULT: Final = "Without it `taken` of one's own, `confirmed` of the Union."
MAPPED_LOTS_MAX: Final = 500


class PeriodQuery(Struct, frozen=True, kw_only=True):
    """Quarters, by their first days; without `since` one year, without `until` to the end of this quarter."""

    market: MarketId | None = None
    since: date | None = None
    until: date | None = None
    format: Annotated[Shape | None, Meta(description="Instead of an Accept header.")] = None

    def __post_init__(self) -> None:
        check_days(self)


class SharesQuery(PeriodQuery, frozen=True, kw_only=True):
    """`counted`: one state of trades, since several would count material twice; `taken` counts each once."""

    of: Annotated[
        Literal["own", "union"], Meta(description="One's own purchases, or consumption in the Union.")
    ] = "own"
    counted: Annotated[Counted | None, Meta(description=COUNTED_DEFAULT)] = None


class MapQuery(PeriodQuery, frozen=True, kw_only=True):
    counted: Annotated[
        Literal["confirmed", "delivered", "taken"],
        Meta(description="Confirmed matches, accepted deliveries, or each material of both once."),
    ] = "taken"


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
    etagged=True,
    cost=COST,
    problems=(422,),
    description=f"""Of each strategic element: what the Union and each country extracted, processed and
recycled of what was taken, against the benchmarks and the ceiling of Article 5, and stocks as days of
net imports.

Trades and volumes that were declared beside them are told apart and together; of a market the latter
are those of its members, in the elements of its basis. What a magnet producer sold on in the period is
no consumption, and stands beside it; magnets that are used again stand apart, by route.

{TAKEN} Without `counted` an answer about oneself has `taken`, one about the Union `confirmed`.

A company's own is told whole. Of the Union or a market, operators and auditors are told confirmed
matches whole, auditors deliveries too; everybody else trades alone, in bands, of finished quarters, and
of elements that enough groups of companies stand behind. {RATE}""",
)
async def read_shares(call: Call[Nothing, SharesQuery]) -> Answer:
    query = call.query
    own = call.caller.organisation if query.of == "own" else None
    counted = query.counted or ("confirmed" if own is None else "taken")
    if counted == "struck" and (own is not None or not sees_all(call.caller)):
        detail = "what is struck and not confirmed is sealed; operators and auditors count it in the Union"
        fault = Fault(code="sealed", detail=detail, parameter="counted")
        raise DoorError("inconsistent", "These trades cannot be counted here.", faults=[fault])
    banded = own is None and not _whole(call, counted)
    now = call.door.clock()
    asked = _asked(query, now, counted, own, finished=banded)
    async with as_desk(call) as connection:
        taken = [each.taken for each in await load_lots(connection, asked)]
        if not banded:
            taken += [lot for _, lot in await load_declared(connection, asked)]
        least = await store.organisations_min(connection, asked.market) or PUBLIC_MIN
        stock = None if banded or asked.market is not None else await store.load_stock(connection, own)
        holders = await load_parties(connection, {each.holder for each in stock or ()})
        head = await _head(call, connection, asked, now, query.market)
        named = await _named(connection, own)
    bought = consumed(taken, asked.rules) if own is None else [each for each in taken if _bought(each, own)]
    kept = less_resold(bought, taken, asked.rules)
    who = viewer(call) if own is None else OrganisationViewer(organisation=own)
    seen = see_shares(shares(kept, asked.rules), who, counted, least, own)
    if banded:
        bands = tuple(BandedElementView.of(each) for each in seen if isinstance(each, BandedShares))
        view = BandedSharesView(bands=bands, **head)
        return await answer(call, view, banded_sheet(view), query.format)
    days = (asked.until - asked.since).days
    whole_shares = [each for each in seen if isinstance(each, ElementShares)]
    suppliers = {
        found.supplier
        for each in whole_shares
        for stage in each.stages
        for found in stage.open_of
        if found.supplier is not None
    }
    async with as_desk(call) as connection:
        known = await store.load_organisations(connection, sorted(suppliers))
    of_open = {supplier: row.name for supplier, row in known.items()}
    whole = SharesView(
        corrected_passports=len({each.passport for each in kept if each.corrected}),
        elements=tuple(ElementView.of(each, of_open) for each in whole_shares),
        reused=tuple(map(ReusedView.of, reused(_used_again(taken, asked)))),
        cover=None
        if stock is None
        else tuple(map(CoverView.of, _cover(stock, holders, taken, asked.rules, days, own))),
        **head,
    )
    return await answer(call, whole, shares_sheet(whole, named), query.format)


def _asked(query: PeriodQuery, now: datetime, counted: Counted, own: UUID | None, *, finished: bool) -> Asked:
    since, until = period(query, now, finished=finished)
    return Asked(
        counted=counted,
        market=None if query.market is None else to_uuid(query.market),
        since=since,
        until=until,
        own=own,
        rules=rules_on(dated_rules(), until - ONE_DAY),
    )


async def _head(
    call: Call[Any, Any], connection: Connection, asked: Asked, now: datetime, market: str | None
) -> dict[str, Any]:
    """What a view says of its figures as a whole."""
    return {
        "organisation": None if asked.own is None else to_text("org", asked.own),
        "market": market,
        "since": asked.since,
        "until": asked.until,
        "period_over": midnight(asked.until) <= now,
        "counted": asked.counted,
        "rules_as_of": asked.until - ONE_DAY,
        "as_of": now,
        "as_of_positions": await store.load_positions(connection) if sees_all(call.caller) else None,
    }


async def _named(connection: Connection, own: UUID | None) -> dict[str, str]:
    """Of whom a page is, by name too."""
    of = await store.load_organisations(connection, [] if own is None else [own])
    return {to_text("org", organisation): row.name for organisation, row in of.items()}


def _used_again(taken: Iterable[Taken], asked: Asked) -> Iterator[Taken]:
    """Of one's own purchases, or of everybody's in the Union: who uses magnets again consumes nothing."""
    for each in taken:
        if (each.buyer.country in asked.rules.union) if asked.own is None else _bought(each, asked.own):
            yield each


def _whole(call: Call[Any, Any], counted: Counted) -> bool:
    """Contracts are their parties' and auditors' alone."""
    roles = call.caller.roles
    return "auditor" in roles or ("operator" in roles and counted not in OF_CONTRACTS)


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
    query=MapQuery,
    answer=SupplierMapView,
    shapes=SHAPES,
    etagged=True,
    cost=COST,
    problems=(422,),
    description=(
        "Of what the caller bought, or declared that it bought elsewhere: where each element was extracted, "
        "processed and recycled, by supplier and lot, and the passport, the order, the shipment or the "
        f"declaration that says so (Article 24). {TAKEN} It is what stands here without `counted`. What "
        f"nobody answered stands as `did_not_answer`. At most {MAPPED_LOTS_MAX} lots. `format=csv` or "
        f"`format=xlsx` for a file. {RATE}"
    ),
)
async def read_map(call: Call[Nothing, MapQuery]) -> Answer:
    query, own = call.query, call.caller.organisation
    now = call.door.clock()
    asked = _asked(query, now, query.counted, own, finished=False)
    async with as_desk(call) as connection:
        lots = await load_lots(connection, asked, _as_buyer(own))
        bought = [each for each in lots if _bought(each.taken, own)]
        check_size(len(bought), MAPPED_LOTS_MAX)
        sellers = {each.taken.seller.organisation for each in bought}
        names = await store.load_organisations(connection, sorted(sellers))
        stated = await load_declared(connection, asked)
        head = await _head(call, connection, asked, now, query.market)
        named = await _named(connection, own)
    declared = [(volume, lot) for volume, lot in stated if _bought(lot, own)]
    check_size(len(bought) + len(declared), MAPPED_LOTS_MAX)
    bought += [Bought(taken=lot, source="declaration", reference=volume.volume) for volume, lot in declared]
    terms = {volume.volume: volume.terms for volume, _ in declared}
    view = SupplierMapView(
        corrected_passports=len({each.taken.passport for each in bought if each.taken.corrected}),
        stages=tuple(
            MappedView.of(each, terms[each.reference].counterparty, terms[each.reference].document.title)
            if each.supplier is None
            else MappedView.of(each, names[each.supplier].name)
            for each in supplier_map(bought)
        ),
        **head,
    )
    return await answer(call, view, map_sheet(view, named), query.format)


def _as_buyer(own: UUID) -> Shown:
    """As the buyer may see it: without the supplier's own sources before delivery."""

    def shown(passport: Passport) -> PassportContent | None:
        seen = see_passport(passport, OrganisationViewer(organisation=own), frozenset({own}))
        return None if seen is None else seen.content

    return shown


HANDLERS: Final = (read_shares, read_map)
