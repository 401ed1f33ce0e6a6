"""Pricing rule sets of a market: publish (two operators), read (everybody with a key)."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, field

from events import market_terms as terms
from events.capacity_terms import CapacityRule
from events.vocabulary import Denominator, Instant, ProductForm
from market.commands import inputs as commands
from market.http.orders.requirement_terms import Profile
from market.http.orders.rex_terms import RouteCeilings
from market.http.rounds.markets import load as load_market
from market.http.wire import lists
from market.http.wire.access import OPERATORS, READERS, require
from market.http.wire.countries import CountryCode
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.gates import admit_stranger
from market.http.wire.ids import KeyId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, utc
from market.http.wire.numbers import KG_CO2E_PER_KG, PERCENT, KgCo2ePerKg, Percent
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted, Warned, done, warned
from market.rules.clearing.rule_set_changes import changes
from market.rules.orders.rex import STANDARD_CEILINGS
from market.rules.refusing.wording import Code, LongText
from market.rules.rule_set_cautions import rule_set_cautions
from market.store import inputs as store
from market.store.inputs import RuleSetRow

TAG: Final = "Markets"
COSIGNER: Final = "Cosigner-Authorization"
COSIGNER_FIELD: Final = COSIGNER.lower().encode()
EXAMPLE: Final = {
    "version": 1,
    "algorithm": "lexicographic-3",
    "benchmarks": [
        {
            "form": "separated_oxide",
            "declared_unit": "oxide",
            "boundary": "cradle-to-gate",
            "allocation": "economic",
            "benchmark_kg_co2e_per_kg": "65.4",
            "worst_kg_co2e_per_kg": "120",
            "source": "monazite REO, mean of published studies",
        }
    ],
    "default_profile": {"carbon_eur_per_t": "80.00", "cap_eur_per_kg": "8.00"},
    "recognised_certificates": ["iso14001"],
    "eu_countries": ["DE", "FR", "EE", "FI"],
    "effective_from": "2026-11-23T00:00:00Z",
}


class FootprintBenchmark(Body, frozen=True, kw_only=True):
    """The benchmark for footprints of a form, and the worst value that a seller may declare."""

    form: ProductForm
    declared_unit: Denominator
    boundary: Code
    allocation: Code
    benchmark_kg_co2e_per_kg: KgCo2ePerKg
    worst_kg_co2e_per_kg: KgCo2ePerKg
    source: LongText


def standard_ceilings() -> tuple[RouteCeilings, ...]:
    return tuple(map(RouteCeilings.outside, STANDARD_CEILINGS))


class RuleSetTerms(Body, frozen=True, kw_only=True):
    """Formulas, benchmarks, evidence rules and default amounts; immutable once published.

    `route_ceilings`: which Re-X routes the condition of a lot allows. If omitted, whole magnets and cores of
    grade A may be reused, of B refurbished, of C repurposed, of D recycled; if empty, no form is graded.
    `capacity`: what happens to an order for more than its facility can make in addition to what is committed.
    Without it, and for forms without a stated capacity, nothing is checked. `conditional_orders_rest`: after
    a group of companies has declined or let lapse two matches within 90 days, its orders subject to
    confirmation are not eligible until they are amended to firm or the 90 days are over. `goods_agreed`:
    contracts of matches start with what the lots state about whole magnets, cores and condition.
    `origins_by_stage`: for the part that is not recycled, an origin has to name extraction and, except for
    ore, concentrates and residues, processing; for the recycled part, recycling. An order that leaves one out
    gets no premium for European origin, fits no requirement that excludes countries, and gets the deductions
    for listed countries. `caps_by_benchmark`: a requirement's maximum footprint accepts only footprints with
    the scope of the form's benchmark, and none for a form without one. `demands_agreed`: contracts of matches
    also start with the buyers' demands on origins, footprint, certificates and activities; with
    `demands_in_full` also on minimum and maximum recycled share, and with the scope of the maximum footprint
    from the form's benchmark. `splitting_by_stated`: the splitting limits of these contracts are a fiftieth
    of the seller's stated figure of a paid element, at most 0.5 % (co-products: 0.05 %) and at least 10 ppm;
    otherwise these maxima themselves, whatever the grade. `origins_in_full`: for a lot with a passport, every
    stated step of a stage counts, not only the last one, for excluded countries, premiums, deductions and
    portfolios; unstated steps may be in any country, but count towards none in portfolios.
    """

    version: Annotated[int, Meta(ge=1, le=10**6)]
    algorithm: Code
    benchmarks: Annotated[tuple[FootprintBenchmark, ...], Meta(max_length=64)] = ()
    default_profile: Profile
    self_declared_improvement_percent: Percent = "50"
    only_larger_of_recycled_and_rex: bool = True
    recognised_certificates: Annotated[tuple[Code, ...], Meta(max_length=64)] = ()
    eu_countries: Annotated[tuple[CountryCode, ...], Meta(max_length=64)] = ()
    min_value_share_percent: Percent = "50"
    marginality_tolerance_percent: Percent = "1"
    thin_component_groups: Annotated[int, Meta(ge=1, le=100)] = 3
    route_ceilings: Annotated[tuple[RouteCeilings, ...], Meta(max_length=16)] = field(
        default_factory=standard_ceilings
    )
    effective_from: Instant
    capacity: CapacityRule | None = None
    conditional_orders_rest: bool = True
    goods_agreed: bool = True
    origins_by_stage: bool = True
    caps_by_benchmark: bool = True
    demands_agreed: bool = True
    demands_in_full: bool = True
    splitting_by_stated: bool = True
    origins_in_full: bool = True

    def inside(self) -> terms.RuleSet:
        return terms.RuleSet(
            version=self.version,
            algorithm=self.algorithm,
            benchmarks=tuple(
                terms.FootprintBenchmark(
                    form=stated.form,
                    declared_unit=stated.declared_unit,
                    boundary=stated.boundary,
                    allocation=stated.allocation,
                    benchmark_g_co2e_per_kg=KG_CO2E_PER_KG.parse(stated.benchmark_kg_co2e_per_kg),
                    worst_g_co2e_per_kg=KG_CO2E_PER_KG.parse(stated.worst_kg_co2e_per_kg),
                    source=stated.source,
                )
                for stated in self.benchmarks
            ),
            default_profile=self.default_profile.inside(),
            self_declared_improvement_ppb=PERCENT.parse(self.self_declared_improvement_percent),
            only_larger_of_recycled_and_rex=self.only_larger_of_recycled_and_rex,
            recognised_certificates=self.recognised_certificates,
            eu_countries=self.eu_countries,
            min_value_share_ppb=PERCENT.parse(self.min_value_share_percent),
            marginality_tolerance_ppb=PERCENT.parse(self.marginality_tolerance_percent),
            thin_component_groups=self.thin_component_groups,
            route_ceilings=tuple(each.inside() for each in self.route_ceilings),
            effective_from=utc(self.effective_from, "/effective_from"),
            capacity=self.capacity or UNSET,
            conditional_orders_rest=self.conditional_orders_rest,
            goods_agreed=self.goods_agreed,
            origins_by_stage=self.origins_by_stage,
            caps_by_benchmark=self.caps_by_benchmark,
            demands_agreed=self.demands_agreed,
            demands_in_full=self.demands_in_full,
            splitting_by_stated=self.splitting_by_stated,
            origins_in_full=self.origins_in_full,
        )

    @classmethod
    def outside(cls, value: terms.RuleSet) -> "RuleSetTerms":
        return RuleSetTerms(**_members(value))


class RuleSetView(RuleSetTerms, frozen=True, kw_only=True):
    """A published rule set: its place in the lane, its effective time, and the keys that signed it."""

    position: int
    published_time: Instant
    signed_by: tuple[KeyId, ...]

    @classmethod
    def of(cls, row: RuleSetRow) -> Self:
        return cls(
            position=row.position,
            published_time=row.published_time,
            signed_by=tuple(to_text("key", key) for key in row.signed_by),
            **_members(row.rule_set),
        )


def _members(value: terms.RuleSet) -> dict[str, Any]:
    return {
        "version": value.version,
        "algorithm": value.algorithm,
        "benchmarks": tuple(
            FootprintBenchmark(
                form=stated.form,
                declared_unit=stated.declared_unit,
                boundary=stated.boundary,
                allocation=stated.allocation,
                benchmark_kg_co2e_per_kg=KG_CO2E_PER_KG.text(stated.benchmark_g_co2e_per_kg),
                worst_kg_co2e_per_kg=KG_CO2E_PER_KG.text(stated.worst_g_co2e_per_kg),
                source=stated.source,
            )
            for stated in value.benchmarks
        ),
        "default_profile": Profile.outside(value.default_profile),
        "self_declared_improvement_percent": PERCENT.text(value.self_declared_improvement_ppb),
        "only_larger_of_recycled_and_rex": value.only_larger_of_recycled_and_rex,
        "recognised_certificates": value.recognised_certificates,
        "eu_countries": value.eu_countries,
        "min_value_share_percent": PERCENT.text(value.min_value_share_ppb),
        "marginality_tolerance_percent": PERCENT.text(value.marginality_tolerance_ppb),
        "thin_component_groups": value.thin_component_groups,
        "route_ceilings": ()
        if value.route_ceilings is UNSET
        else tuple(map(RouteCeilings.outside, value.route_ceilings)),
        "effective_from": value.effective_from,
        "capacity": value.capacity or None,
        "conditional_orders_rest": value.conditional_orders_rest is True,
        "goods_agreed": value.goods_agreed is True,
        "origins_by_stage": value.origins_by_stage is True,
        "caps_by_benchmark": value.caps_by_benchmark is True,
        "demands_agreed": value.demands_agreed is True,
        "demands_in_full": value.demands_in_full is True,
        "splitting_by_stated": value.splitting_by_stated is True,
        "origins_in_full": value.origins_in_full is True,
    }


class RuleSetAccepted(Accepted, frozen=True, kw_only=True):
    version: int
    signed_by: tuple[KeyId, ...]


def rule_set_warnings(given: RuleSetTerms, now: datetime) -> tuple[Warned, ...]:
    """Of what is accepted, published or tried."""
    return warned(rule_set_cautions(given.inside(), now))


async def _signatures(call: Call[Any, Any]) -> tuple[UUID, ...]:
    """The caller's key and, where a second operator lends its key by header, that one; both verified."""
    keys = [call.caller.key]
    header = call.header(COSIGNER_FIELD)
    if header is not None:
        cosigner = await call.door.keys.credential(header, partial(admit_stranger, call))
        require(OPERATORS, cosigner.roles)
        keys.append(cosigner.key)
    return tuple(key for key in dict.fromkeys(keys) if key is not None)


@endpoint(
    "POST",
    "/v1/markets/{market}/rule-sets",
    roles=OPERATORS,
    summary="Publish a rule set",
    tag=TAG,
    body=RuleSetTerms,
    query=DryRun,
    answer=RuleSetAccepted,
    status=201,
    located=True,
    idempotent=True,
    description=(
        f"Two operators sign, except in a sandbox: the second one's key goes into the header `{COSIGNER}`. "
        "Keys that were issued with one another, or with one and the same key, count as one operator's. "
        "It takes effect no sooner than the market's notice."
    ),
    example=EXAMPLE,
    headers={COSIGNER: "Bearer and the API key of the second operator."},
)
async def publish(call: Call[RuleSetTerms, DryRun]) -> Answer:
    signed_by = await _signatures(call)
    result = await commands.publish_rule_set(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        rule_set=call.body.inside(),
        signed_by=signed_by,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    market = f"/v1/markets/{to_text('mkt', call.ids['market'])}"
    return outcome.answer(
        RuleSetAccepted(
            version=call.body.version,
            signed_by=tuple(to_text("key", key) for key in signed_by),
            warnings=rule_set_warnings(call.body, call.door.clock()),
            **outcome.accepted(),
        ),
        location=f"{market}/rule-sets/{call.body.version}",
    )


@endpoint(
    "GET",
    "/v1/markets/{market}/rule-sets",
    roles=READERS,
    summary="List rule sets",
    tag=TAG,
    query=PageQuery,
    answer=Listing[RuleSetView],
    description="Every version, with the time from which it holds and the keys that signed it.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    await load_market(call)
    async with as_caller(call) as connection:
        page = await store.list_rule_sets(
            connection, call.ids["market"], after=lists.after(call, int), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda row: row.rule_set.version, view=RuleSetView.of)


@endpoint(
    "GET",
    "/v1/markets/{market}/rule-sets/{version}",
    roles=READERS,
    summary="Read a rule set",
    tag=TAG,
    answer=RuleSetView,
    etagged=True,
    description="What the market asks of orders, and by which algorithms it clears, from "
    "`effective_from` on.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    row = await _load(call, call.text_parameter["version"])
    return Answer(body=RuleSetView.of(row), version=row.rule_set.version)


async def _load(call: Call[Any, Any], version: str) -> RuleSetRow:
    if not version.isascii() or not version.isdigit() or len(version) > 7:
        raise not_found()
    async with as_caller(call) as connection:
        row = await store.load_rule_set(connection, call.ids["market"], int(version))
    if row is None:
        raise not_found()
    return row


class DiffQuery(Struct, frozen=True, kw_only=True):
    """`against`: the version that it is compared with, else the one before it."""

    against: Annotated[int, Meta(ge=1, le=10**6)] | None = None


class ChangeView(Body, frozen=True, kw_only=True):
    """A changed member of the rule set; list entries are identified by form, scheme or route, or by their own
    text. `before` and `after` are JSON texts, null if the member is missing."""

    path: str
    before: str | None
    after: str | None


class RuleSetDiff(Body, frozen=True, kw_only=True):
    """What version `after` changed of version `before`."""

    before: int
    after: int
    changes: tuple[ChangeView, ...]


def rule_set_diff(before: terms.RuleSet, after: terms.RuleSet) -> RuleSetDiff:
    """In the words and units of this door."""
    old, new = (msgspec.to_builtins(RuleSetTerms.outside(each)) for each in (before, after))
    return RuleSetDiff(
        before=before.version,
        after=after.version,
        changes=tuple(
            ChangeView(path=change.path, before=change.before, after=change.after)
            for change in changes(old, new)
        ),
    )


@endpoint(
    "GET",
    "/v1/markets/{market}/rule-sets/{version}/diff",
    roles=READERS,
    summary="What a rule set changed of another",
    tag=TAG,
    query=DiffQuery,
    answer=RuleSetDiff,
    description="Member by member, of the version before it or of the one that `against` names.",
)
async def diff(call: Call[Nothing, DiffQuery]) -> Answer:
    after = await _load(call, call.text_parameter["version"])
    against = after.rule_set.version - 1 if call.query.against is None else call.query.against
    before = await _load(call, str(against))
    return Answer(body=rule_set_diff(before.rule_set, after.rule_set))


HANDLERS: Final = (publish, index, read, diff)
