"""A market on paper: members, orders, and a lane that encodes, decodes and folds like the real one."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from msgspec.structs import asdict, replace

from events.chain import genesis, next_head
from events.clearing_terms import waterfall_of
from events.codec import decode_event, encode_event
from events.decision import Decision
from events.envelope import Draft, Recorded, source_of
from events.market_events import (
    ClearingEvidence,
    ClearingPlanned,
    InputRecorded,
    MarketOpened,
    MatchStruck,
    MemberAdmitted,
    RecoveredLotExpired,
    RecoveredLotListed,
    RequirementExpired,
    RequirementPosted,
    RuleSetPublished,
    SupplyOffered,
    SupplyOfferExpired,
)
from events.market_terms import (
    AcceptedForm,
    CertificateAmount,
    CertifiedPeriod,
    FootprintBenchmark,
    FxRate,
    MarketInput,
    MarketTerms,
    Member,
    MemberCertificate,
    MemberFacility,
    PassportEvidence,
    ReferencePrice,
    RequirementTerms,
    RuleSet,
    SupplyTerms,
    SustainabilityProfile,
)
from events.policy_terms import AppliedPolicy, PolicyTerms
from events.vocabulary import (
    Assay,
    Cell,
    CellState,
    Composition,
    ConvertedPrice,
    OriginStep,
    Packaging,
    Period,
    Place,
    ProductForm,
    RecycledContent,
    StatedPrice,
    Tranche,
)
from market.rules.book import Book, Books, fold
from market.rules.clearing.clearing import ALGORITHM, conclude
from market.rules.clearing.clearings import rule_set_sha256
from market.rules.clearing.eligibility import MarketFacts, facts_of
from market.rules.policy_lines import resolved, stated_lines
from market.rules.quantities import basis_g
from market.rules.visibility.explanations import MatchExplanation, match_explanation

DEPLOYMENT = UUID("0193a000-0000-7000-8000-000000000001")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MARKET = UUID("0193a000-0000-7000-8000-00000000aaaa")
OPERATOR = UUID("0193a000-0000-7000-8000-00000000bbbb")
T = 1_000_000
EUR = 1_000_000
PERCENT = 10_000_000
PPM = 1_000
BULK = Packaging(unit="bulk", package_wet_g=T)
"""Product that is divided to the gram; without it `supply_terms` has 25 big bags of 224 kg of NdPr."""
EU = ("AT", "BE", "DE", "EE", "ES", "FI", "FR", "IT", "NL", "SE", "SI")


def ident(text: str) -> UUID:
    """The same id for the same words."""
    digest = bytearray(sha256(text.encode()).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x70
    digest[8] = (digest[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(digest))


def site(name: str) -> UUID:
    return ident(f"site of {name}")


def eur(amount_ueur: int) -> ConvertedPrice:
    """A price stated in EUR per kg of element."""
    return ConvertedPrice(
        stated=StatedPrice(amount_micro=amount_ueur, currency="EUR", per="element"), ueur_per_kg=amount_ueur
    )


def days(first: int, last: int) -> Period:
    return Period(start=START + timedelta(days=first), end=START + timedelta(days=last))


def member(name: str, country: str = "DE", **changes: Any) -> Member:
    made = Member(
        organisation=ident(name),
        name=name,
        country=country,
        roles=("refiner",),
        group=ident(f"group of {name}"),
        sanctions_screened_until=START + timedelta(days=400),
        facilities=(
            MemberFacility(facility=site(name), country=country, stages=("processing",), scale="industrial"),
        ),
        source_position=1,
    )
    return replace(made, **changes)


def cell(analyte: str, ppb: int | None, *, below: bool = False, as_: str | None = None) -> Cell:
    state: CellState = "not_available" if ppb is None else "below_detection" if below else "value"
    return Cell(analyte=analyte, reported_as=as_ or analyte, state=state, fraction_ppb=ppb)


def assay(*cells: Cell, **changes: Any) -> Composition:
    """Nd 21 %, Pr 7 %, Dy 1 %, C 400 ppm, Th 5 ppm in the dry sample, unless given."""
    given = {each.analyte: each for each in cells}
    usual = (
        cell("Nd", 21 * PERCENT),
        cell("Pr", 7 * PERCENT),
        cell("Dy", PERCENT),
        cell("C", 400 * PPM),
        cell("Th", 5 * PPM),
    )
    merged = {each.analyte: each for each in usual} | given
    return Composition(**{"basis": "dry", "of": "sample", "cells": tuple(merged.values()), **changes})


def passport_evidence(*certified: CertifiedPeriod, name: str = "seller") -> PassportEvidence:
    """Of the swarf of `supply_terms`."""
    return PassportEvidence(
        passport=ident(f"passport of {name}"),
        position=1,
        stated_by=ident(f"issue of {name}"),
        form="swarf",
        remaining_wet_g=25 * T,
        moisture_ppb=0,
        composition=assay(cell("Nd", 20 * PERCENT)),
        recycled=RecycledContent(),
        certificates=tuple(dict.fromkeys(paper.scheme for paper in certified)),
        certified=certified,
    )


def supply_terms(name: str = "seller", *, net_wet_g: int = 25 * T, **changes: Any) -> SupplyTerms:
    """25 t of swarf from Germany, 20 % water, 28 % NdPr dry: 5.6 t of NdPr at 60 EUR/kg, firm."""
    composition = changes.get("composition", assay())
    moisture_ppb = changes.get("moisture_ppb", 20 * PERCENT)
    made: dict[str, Any] = {
        "form": "swarf",
        "net_wet_g": net_wet_g,
        "moisture_ppb": moisture_ppb,
        "composition": composition,
        "assay": Assay(laboratory="lab", reference="A-1", sampled_on=date(2026, 2, 1)),
        "basis_g": basis_g(
            basis="ndpr", net_wet_g=net_wet_g, moisture_ppb=moisture_ppb, composition=composition
        ),
        "packaging": Packaging(unit="big_bag", package_wet_g=T),
        "minimum_parcel_wet_g": 1,
        "tranches": (Tranche(window=days(10, 40), net_wet_g=net_wet_g),),
        "incoterm": "FCA",
        "place": Place(country="DE", name="Hanau"),
        "ask": eur(60 * EUR),
        "valid_until": START + timedelta(days=200),
        "payment_terms": "30 days",
        "facility": site(name),
        "origin": (OriginStep(stage="recycling", country="DE"),),
        "waste_status": "by_product",
        "commitment": "firm",
    }
    return SupplyTerms(**(made | changes))


def under(terms: RequirementTerms, *applied: AppliedPolicy) -> RequirementTerms:
    """The terms as they are posted under policies."""
    own = stated_lines(terms)
    return replace(terms, **asdict(resolved(own, applied)), policies=applied, own=own)


def applied_policy(name: str, **lines: Any) -> AppliedPolicy:
    return AppliedPolicy(policy=ident(name), version=1, position=1, terms=PolicyTerms(**lines))


def requirement_terms(name: str = "buyer", **changes: Any) -> RequirementTerms:
    """5.6 t of NdPr in swarf at up to 70 EUR/kg, days 0 to 60, firm, for a site in Germany; bids no S."""
    made: dict[str, Any] = {
        "forms": (AcceptedForm(form="swarf"),),
        "basis_g": 5_600_000,
        "minimum_parcel_g": 1,
        "limit": eur(70 * EUR),
        "window": days(0, 60),
        "place": Place(country="DE", name="Hanau"),
        "facility": site(name),
        "valid_until": START + timedelta(days=200),
        "commitment": "firm",
    }
    return RequirementTerms(**(made | changes))


def rule_set(**changes: Any) -> RuleSet:
    made = RuleSet(
        version=1,
        algorithm=ALGORITHM,
        benchmarks=(benchmark(),),
        default_profile=SustainabilityProfile(),
        recognised_certificates=("ISO14001", "IRMA"),
        eu_countries=EU,
        thin_component_groups=1,
        effective_from=START - timedelta(days=1),
    )
    return replace(made, **changes)


def benchmark(form: ProductForm = "swarf", **changes: Any) -> FootprintBenchmark:
    made = FootprintBenchmark(
        form=form,
        declared_unit="oxide",
        boundary="cradle-to-gate",
        allocation="economic",
        benchmark_g_co2e_per_kg=65_400,
        worst_g_co2e_per_kg=84_000,
        source="Browning et al. 2017",
    )
    return replace(made, **changes)


def ndpr_price(amount: int = 69 * EUR, **changes: Any) -> ReferencePrice:
    made = ReferencePrice(
        code="USGS-NdPr",
        analyte="NdPr",
        price=StatedPrice(amount_micro=amount, currency="EUR", per="oxide"),
        description="NdPr oxide 99 %",
        as_of=date(2026, 1, 31),
        published_at=START,
        source="USGS MCS 2026",
    )
    return replace(made, **changes)


def usd_rate(ueur: int = 920_000) -> FxRate:
    return FxRate(
        currency="USD", ueur_per_unit=ueur, as_of=date(2026, 2, 27), published_at=START, source="ECB"
    )


def _actor(fact: Any) -> UUID:
    """Whose command records a fact: an order's owner, who answers a match; else the operator."""
    by_operator = isinstance(fact, SupplyOfferExpired | RecoveredLotExpired | RequirementExpired)
    found: UUID = OPERATOR if by_operator else getattr(fact, "organisation", OPERATOR)
    return found


class Lane:
    """One lane with one market; every event goes through the codec before it is folded."""

    def __init__(self, *, terms: MarketTerms | None = None, rules: RuleSet | None = None) -> None:
        self.books: Books = {}
        self.events: list[Recorded] = []
        self.bodies: list[bytes] = []
        self.now = START
        self.head = genesis(DEPLOYMENT, "market", 0)
        self.add(MarketOpened(market=MARKET, terms=terms or market_terms()))
        self.add(RuleSetPublished(market=MARKET, rule_set=rules or rule_set(), signed_by=(OPERATOR,)))

    @property
    def book(self) -> Book:
        return self.books[MARKET]

    def facts(self) -> MarketFacts:
        return facts_of(self.book, self.book.rule_sets[-1].rule_set, self.now)

    def append(self, drafts: Sequence[Draft]) -> list[Recorded]:
        return [self._append(draft) for draft in drafts]

    def decide(self, decision: Decision) -> list[Recorded]:
        return self.append([draft for draft in decision.drafts if draft.stream == "market"])

    def add(self, fact: Any) -> Recorded:
        return self._append(Draft(stream="market", lane=0, subject="subject", data=fact))

    def admit(self, *members: Member) -> None:
        for each in members:
            self.add(MemberAdmitted(market=MARKET, member=each))

    def record(self, value: MarketInput) -> None:
        self.add(InputRecorded(market=MARKET, input=value, source_id="test"))

    def offer(self, name: str, order: str, terms: SupplyTerms | None = None, **changes: Any) -> UUID:
        terms = terms or supply_terms(name, **changes)
        self.add(SupplyOffered(market=MARKET, offer=ident(order), organisation=ident(name), terms=terms))
        return ident(order)

    def lot(self, name: str, order: str, **changes: Any) -> UUID:
        terms = supply_terms(name, **changes)
        self.add(RecoveredLotListed(market=MARKET, lot=ident(order), organisation=ident(name), terms=terms))
        return ident(order)

    def require(self, name: str, order: str, **changes: Any) -> UUID:
        terms = requirement_terms(name, **changes)
        self.add(
            RequirementPosted(market=MARKET, requirement=ident(order), organisation=ident(name), terms=terms)
        )
        return ident(order)

    def plan(self) -> Recorded:
        rules = self.book.rule_sets[-1].rule_set
        number = self.book.last_round + 1
        return self.add(
            ClearingPlanned(
                market=MARKET,
                plan=ident(f"plan {number}"),
                round=number,
                cut_time=self.now,
                rule_set=rules,
                rule_set_sha256=rule_set_sha256(rules),
                algorithm=rules.algorithm,
                trigger="demand",
            )
        )

    def round(self) -> list[Recorded]:
        """Plan, clear, record: what the matcher does."""
        return self.append(conclude(self.book, self.plan()))

    def _append(self, draft: Draft) -> Recorded:
        position = len(self.events) + 1
        body = encode_event(
            event_id=draft.id or ident(f"event {position}"),
            source=source_of(DEPLOYMENT),
            subject=draft.subject,
            time=draft.time or self.now,
            lane=0,
            position=position,
            cause=draft.cause or "test",
            actor=draft.actor or _actor(draft.data),
            salt=draft.salt or ident(f"salt {position}").hex,
            data=draft.data,
        )
        self.head = next_head(self.head, body)
        event = decode_event(body, self.head)
        self.events.append(event)
        self.bodies.append(body)
        fold(self.books, event)
        return event


def market_terms(**changes: Any) -> MarketTerms:
    made = MarketTerms(
        name="NdPr",
        basis="ndpr",
        sandbox=True,
        clearing_interval_seconds=0,
        rule_notice_seconds=0,
        confirmation_seconds=86_400,
        least_basis_ppb=PERCENT,
        orders_max=10_000,
        tick_ueur_per_kg=EUR,
    )
    return replace(made, **changes)


def facts_of_type(events: Sequence[Recorded], kind: type[Any]) -> list[Any]:
    return [event.data for event in events if isinstance(event.data, kind)]


def explained(
    outcome: Any = "open", *, wanted: dict[str, Any] | None = None, **supply: Any
) -> MatchExplanation:
    """A trade of `seller` and `buyer`, who bids 2 EUR for a certificate, 3 for EU origin, 4 at most."""
    lane = Lane()
    held = MemberCertificate(
        certificate=ident("certificate"),
        facility=site("seller"),
        scheme="IRMA",
        valid_from=START,
        valid_until=START.replace(year=2027),
    )
    lane.admit(member("seller", certificates=(held,)), member("buyer"))
    price = ndpr_price()
    lane.record(replace(price, price=replace(price.price, currency="USD")))
    lane.record(usd_rate())
    offer = lane.offer("seller", "offer", certificates=(ident("certificate"),), **supply)
    profile = SustainabilityProfile(
        certificates=(CertificateAmount(scheme="IRMA", ueur_per_kg=2 * EUR),),
        eu_origin_ueur_per_kg=3 * EUR,
        cap_ueur_per_kg=4 * EUR,
    )
    bought = {"profile": profile, "commitment": "subject_to_confirmation"} | (wanted or {})
    requirement = lane.require("buyer", "wanted", **bought)
    terms, needs = lane.book.supplies[offer].terms, lane.book.requirements[requirement].terms
    events = lane.round()
    part = next(part for part in facts_of_type(events, ClearingEvidence) if part.waterfalls)
    return match_explanation(
        facts_of_type(events, MatchStruck)[0],
        waterfall_of(part.waterfalls[0], part.lines),
        terms,
        needs,
        "ndpr",
        lane.book.rule_sets[-1].rule_set,
        seller=ident("seller"),
        buyer=ident("buyer"),
        outcome=outcome,
    )
