"""What the parties of a contract may not do, through the door: a code for each, and nothing stored of any."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg
import pytest

from contracts.timers import Timers
from events.contract_terms import AssayClause, FixedVolume, PaymentClause, TermClause
from events.price_clauses import ContractForDifference, IndexedPrice, IndexReference
from events.replay import from_journal
from market.http.wire.examples import AGREEMENT_TERMS
from market.http.wire.ids import to_text
from market.rebuild import compare_with_record
from tests.agreement_support import STEADY, agreed
from tests.contest_support import contests, migrated_again
from tests.contract_support import TONNE_G, agreement_terms
from tests.desk_support import PERCENT_PPB
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, lot, month, on, publish
from tests.market_drafts import Firm

CONTRACT_TABLES = (
    "agreement", "agreement_proposal", "nomination", "contract_year", "contest", "delivery", "invoice",
    "issued_invoice", "payment", "payment_part", "index_value",
)  # fmt: skip
VERSIONED = ("proposals", "signatures", "suspensions", "resumption", "termination")
YEAR_2 = {"start": "2027-07-01T00:00:00Z", "end": "2028-07-01T00:00:00Z"}
YEAR_3 = {"start": "2028-07-01T00:00:00Z", "end": "2029-07-01T00:00:00Z"}
THREE_YEARS: dict[str, Any] = STEADY | {
    "term": TermClause(starts_on=date(2026, 7, 1), years=3),
    "volume": FixedVolume(acq_g=(600 * TONNE_G,) * 3),
    "nominations": agreement_terms().nominations[:1],
}
INDEX = IndexReference(code="ndpr-oxide", currency="EUR", per="oxide", quotation_period="month_of_shipment")
QUARTERLY: dict[str, Any] = STEADY | {
    "price": ContractForDifference(
        index=INDEX, strike_micro_per_kg=110_000_000, upside_ppb=30 * PERCENT_PPB, delivered_at_index=False
    ),
    "nominations": (),
    "take_or_pay": None,
    "assay": AssayClause(umpire="Alfred H. Knight"),
    "payment": PaymentClause(currency="EUR", provisional_ppb=90 * PERCENT_PPB, due_days=30),
}


def annual(period: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"level": "annual", "period": period, "quantity_kg": "600000", "form": "separated_oxide"} | changes


@dataclass
class Stage:
    """An offtake whose first year was assessed, one priced by an index, one by its difference; a draft."""

    shop: Shop
    steady: str
    indexed: str
    quarterly: str
    draft: str

    @property
    def firms(self) -> dict[str, Firm]:
        scene = self.shop.scene
        return {"seller": scene.sellers[0], "buyer": scene.buyers[0], "outsider": scene.sellers[1]}

    async def post(self, path: str, by: str, body: Any = None) -> Any:
        etag = None
        if path.rpartition("/")[2] in VERSIONED:
            read = await self.shop.ask("GET", path.rpartition("/")[0], by=self.firms[by])
            etag = read.headers["etag"]
        return await self.shop.ask("POST", path, by=self.firms[by], body=body, version=etag)

    async def done(self, path: str, by: str, body: Any = None) -> Any:
        answer = await self.post(path, by, body)
        assert 201 == answer.status_code, answer.text
        return answer

    async def refused(self, path: str, by: str, body: Any = None) -> tuple[int, str]:
        """Status and code of a request that stores nothing."""
        await self.shop.token(self.firms[by])
        before = await self.rows()
        answer = await self.post(path, by, body)
        assert before == await self.rows()
        return answer.status_code, answer.json()["code"]

    async def rows(self) -> dict[str, int]:
        async with self.shop.scene.pool.acquire() as connection:
            counted = {
                table: await connection.fetchval(f"select count(*) from {table}") for table in CONTRACT_TABLES
            }
        return counted | await self.shop.rows()

    async def pass_time(self) -> None:
        scene = self.shop.scene
        timers = Timers(scene.desk, scene.operator.organisation, lambda *_: None, clock=scene.clock)
        while await timers.tick():
            pass

    async def year(self, number: int) -> Any:
        """Of the steady agreement's statement."""
        read = await self.shop.ask("GET", f"{self.steady}/statement", by=self.firms["buyer"])
        return read.json()["years"][number - 1]

    async def delivered(self, agreement: str, day: date, number: str) -> str:
        """A lot that was shipped, weighed and accepted on a day."""
        text = day.isoformat()
        shipped = await self.done(
            f"{agreement}/deliveries", "seller", lot(lot_number=number, shipped_on=text)
        )
        path: str = shipped.headers["location"]
        await self.done(f"{path}/weighing", "buyer", {"weighed_on": text, "net_wet_t": "10"})
        if agreement != self.quarterly:
            for by in ("seller", "buyer"):
                await self.done(
                    f"{path}/assays",
                    by,
                    {"laboratory": "AHK", "reference": "1", "results": FIGURES[:1]},
                )
        await self.done(f"{path}/acceptance", "buyer", {"title_passed_on": text})
        return path


@pytest.fixture
async def stage(shop: Shop) -> Stage:
    """On 10 July 2027: of the first year's 600 t nobody took any, 480 t may be made up."""
    indexed = {"price": IndexedPrice(index=INDEX), "nominations": (), "take_or_pay": None}
    steady, priced, quarterly = [
        f"/v1/agreements/{to_text('agr', await agreed(shop.scene, **changes))}"
        for changes in (THREE_YEARS, STEADY | indexed, QUARTERLY)
    ]
    found = Stage(shop=shop, steady=steady, indexed=priced, quarterly=quarterly, draft="")
    for day in (date(2026, 7, 2), date(2027, 7, 10)):
        on(shop, day)
        await found.pass_time()
    body = {
        "market": shop.market,
        "kind": "offtake",
        "side": "seller",
        "counterparty": to_text("org", shop.scene.buyers[0].organisation),
        "terms": AGREEMENT_TERMS | {"conditions": []},
    }
    drafted = await shop.ask("POST", "/v1/agreements", by=shop.scene.sellers[0], body=body)
    assert 201 == drafted.status_code, drafted.text
    found.draft = drafted.headers["location"]
    return found


Case = Callable[[Stage], Awaitable[tuple[int, str]]]


async def own_proposal(stage: Stage) -> tuple[int, str]:
    signed = {"proposal": 1, "binding": False}
    await stage.done(f"{stage.draft}/signatures", "seller", signed)
    return await stage.refused(f"{stage.draft}/signatures", "seller", signed)


async def signing_for_the_other(stage: Stage) -> tuple[int, str]:
    return await stage.refused(
        f"{stage.draft}/signatures", "seller", {"proposal": 1, "binding": True, "side": "buyer"}
    )


async def outside_the_band(stage: Stage) -> tuple[int, str]:
    return await stage.refused(
        f"{stage.steady}/nominations", "buyer", annual(YEAR_3, quantity_kg="660000.001")
    )


async def after_notice(stage: Stage) -> tuple[int, str]:
    return await stage.refused(f"{stage.steady}/nominations", "buyer", annual(YEAR_2))


async def beyond_make_up(stage: Stage) -> tuple[int, str]:
    return await stage.refused(
        f"{stage.steady}/nominations", "buyer", annual(YEAR_3, make_up_kg="960000.001")
    )


async def part_of_a_year(stage: Stage) -> tuple[int, str]:
    half = {"start": "2028-07-01T00:00:00Z", "end": "2029-01-01T00:00:00Z"}
    return await stage.refused(f"{stage.steady}/nominations", "buyer", annual(half))


async def across_two_years(stage: Stage) -> tuple[int, str]:
    across = {"start": "2027-12-01T00:00:00Z", "end": "2028-12-01T00:00:00Z"}
    return await stage.refused(f"{stage.steady}/nominations", "buyer", annual(across))


async def to_an_ineffective_agreement(stage: Stage) -> tuple[int, str]:
    return await stage.refused(f"{stage.draft}/deliveries", "seller", lot(shipped_on="2027-07-10"))


async def into_an_assessed_year(stage: Stage) -> tuple[int, str]:
    return await stage.refused(f"{stage.steady}/deliveries", "seller", lot(shipped_on="2027-06-30"))


async def into_a_settled_quarter(stage: Stage) -> tuple[int, str]:
    on(stage.shop, date(2027, 7, 10))
    await publish(stage.shop, *(month(number, "60.00") for number in (4, 5, 6)))
    await stage.delivered(stage.quarterly, date(2027, 6, 1), "Q1")
    await stage.done(f"{stage.quarterly}/quarters", "seller", {"quarter": "2027-04-01"})
    return await stage.refused(
        f"{stage.quarterly}/deliveries", "seller", lot(lot_number="Q2", shipped_on="2027-06-30")
    )


async def an_unknown_analyte(stage: Stage) -> tuple[int, str]:
    stated = [*FIGURES, {"analyte": "Unobtainium", "fraction": {"unit": "percent", "amount": "1"}}]
    return await stage.refused(
        f"{stage.steady}/deliveries", "seller", lot(shipped_on="2027-07-10", stated=stated)
    )


async def an_assay_of_an_unknown_analyte(stage: Stage) -> tuple[int, str]:
    shipped = await stage.done(f"{stage.steady}/deliveries", "seller", lot(shipped_on="2027-07-10"))
    path = shipped.headers["location"]
    await stage.done(f"{path}/weighing", "buyer", {"weighed_on": "2027-07-10", "net_wet_t": "10"})
    results = [FIGURES[0], {"analyte": "Xx", "fraction": {"unit": "percent", "amount": "1"}}]
    assay = {"laboratory": "AHK", "reference": "1", "results": results}
    return await stage.refused(f"{path}/assays", "buyer", assay)


async def settled_twice(stage: Stage) -> tuple[int, str]:
    path = await stage.delivered(stage.steady, date(2027, 7, 10), "L1")
    await stage.done(f"{path}/settlement", "seller")
    return await stage.refused(f"{path}/settlement", "buyer")


async def an_index_gap(stage: Stage) -> tuple[int, str]:
    await publish(stage.shop, month(6, "60.00"))
    path = await stage.delivered(stage.indexed, date(2027, 7, 10), "L1")
    on(stage.shop, date(2027, 8, 10))
    return await stage.refused(f"{path}/settlement", "seller")


async def index_periods_that_overlap(stage: Stage) -> tuple[int, str]:
    await publish(stage.shop, month(6, "60.00"))
    before = await stage.rows()
    overlapping = month(6, "61.00") | {"first_day": "2027-06-15", "last_day": "2027-06-30"}
    answer = await publish(stage.shop, overlapping)
    assert before == await stage.rows()
    (fault,) = answer.json()["errors"]
    assert "/values/0/first_day" == fault["pointer"]
    assert "from 2027-06-15 to 2027-06-30 overlap those from 2027-06-01 to 2027-06-30" in fault["detail"]
    return answer.status_code, answer.json()["code"]


async def suspensions_that_overlap(stage: Stage) -> tuple[int, str]:
    lasting = {"start": "2027-07-10T00:00:00Z", "end": "2027-07-20T00:00:00Z"}
    sent = {"period": lasting, "reason": "flood"}
    await stage.done(f"{stage.steady}/suspensions", "seller", sent)
    await stage.done(f"{stage.steady}/resumption", "seller")
    return await stage.refused(f"{stage.steady}/suspensions", "buyer", sent)


async def weighed_before_it_left(stage: Stage) -> tuple[int, str]:
    shipped = await stage.done(f"{stage.steady}/deliveries", "seller", lot(shipped_on="2027-07-10"))
    sent = {"weighed_on": "2027-07-09", "net_wet_t": "10"}
    return await stage.refused(f"{shipped.headers['location']}/weighing", "buyer", sent)


REFUSED: dict[Case, tuple[int, str]] = {
    own_proposal: (409, "own_proposal"),
    signing_for_the_other: (403, "other_side_signs"),
    outside_the_band: (422, "outside_band"),
    after_notice: (409, "notice_over"),
    beyond_make_up: (422, "make_up_exceeded"),
    part_of_a_year: (422, "period_not_a_part"),
    across_two_years: (422, "periods_overlap"),
    to_an_ineffective_agreement: (409, "agreement_ineffective"),
    into_an_assessed_year: (409, "shipped_year_closed"),
    into_a_settled_quarter: (409, "shipped_quarter_settled"),
    an_unknown_analyte: (422, "result_unknown"),
    an_assay_of_an_unknown_analyte: (422, "result_unknown"),
    settled_twice: (409, "already_settled"),
    an_index_gap: (409, "index_gap"),
    index_periods_that_overlap: (422, "index_periods_overlap"),
    suspensions_that_overlap: (422, "periods_overlap"),
    weighed_before_it_left: (422, "dates_out_of_order"),
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
async def test_bad_steps_of_a_contract_have_their_code_and_store_nothing(stage: Stage, case: Case) -> None:
    assert REFUSED[case] == await case(stage)


async def contested_since(stage: Stage) -> list[tuple[int | None, str]]:
    """Number and day of each force majeure of the steady agreement, and of its termination."""
    listed = await contests(stage.shop, stage.firms["outsider"])
    assert {stage.steady} >= {f"/v1/agreements/{each['agreement']}" for each in listed}
    return [(each["suspension"], each["contested_at"][:10]) for each in listed]


async def read_by_operator(stage: Stage, address: str) -> int:
    answer = await stage.shop.ask("GET", address, by=stage.firms["outsider"], roles=("operator",))
    return answer.status_code


async def test_force_majeure_that_is_contested_holds_its_year(database: Any, stage: Stage) -> None:
    """On a side's word a month of a year would owe nothing; the other side contests, the operator decides."""
    path, contest = stage.steady, f"{stage.steady}/contests"
    award = {"title": "Award 27/114", "sha256": "ef" * 32, "dated_on": "2028-08-30"}
    period = {"start": "2028-06-01T00:00:00Z", "end": "2028-06-30T00:00:00Z"}
    on(stage.shop, date(2028, 6, 25))
    await stage.pass_time()
    declared = await stage.done(f"{path}/suspensions", "buyer", {"period": period, "reason": "x"})
    told = [each["code"] for each in declared.json()["warnings"]]
    assert ["force_majeure_unproven", "force_majeure_late"] == told
    own = {"reason": "prolonged_force_majeure"}
    assert (403, "own_force_majeure") == await stage.refused(f"{path}/termination", "buyer", own)
    said = {"suspension": 1, "reason": "the furnace ran on 12 June"}
    assert (404, "agreement_unknown") == await stage.refused(contest, "outsider", said)
    assert (403, "side_wrong") == await stage.refused(contest, "buyer", said)
    await stage.done(contest, "seller", said)
    assert (409, "contested_before") == await stage.refused(contest, "seller", said)
    assert [(1, "2028-06-25")] == await contested_since(stage)
    on(stage.shop, date(2028, 8, 31))
    stage.shop.tokens.clear()
    await stage.pass_time()
    year = await stage.year(2)
    # 29 of 366 days of 600 t
    assert ("open", "47540.984", None) == (year["status"], year["contested_kg"], year["ledger"])
    falls = {"suspension": 1, "outcome": "falls"}
    settled = f"{contest}/settlement"
    assert (403, "side_wrong") == await stage.refused(settled, "seller", falls)
    operator = stage.firms["outsider"]
    reading = [path, f"{path}?reason=award-27-114", f"{path}/statement?reason=award-27-114"]
    assert [404, 200, 422] == [await read_by_operator(stage, address) for address in reading]
    seen = (await stage.shop.ask("GET", reading[1], by=operator, roles=("operator",))).json()
    assert (None, said["reason"]) == (seen["side"], seen["suspensions"][0]["contest"]["reason"])
    bare = await stage.shop.ask("POST", settled, by=operator, roles=("operator",), body=falls)
    assert (422, "evidence_missing") == (bare.status_code, bare.json()["code"])
    decided = await stage.shop.ask(
        "POST", settled, by=operator, roles=("operator",), body=falls | {"evidence": [award]}
    )
    assert 201 == decided.status_code, decided.text
    assert 404 == await read_by_operator(stage, reading[1])
    assert [] == await contested_since(stage)
    await stage.pass_time()
    year = await stage.year(2)
    assert ("assessed", "0.000", "0.000") == (
        year["status"],
        year["contested_kg"],
        year["ledger"]["force_majeure_kg"],
    )
    ended = await stage.done(f"{path}/termination", "seller", {"reason": "breach"})
    assert ["termination_unproven", "year_broken_off"] == [each["code"] for each in ended.json()["warnings"]]
    await stage.done(contest, "buyer", {"reason": "nothing was breached"})
    assert 200 == await read_by_operator(stage, reading[1])
    seen = (await stage.shop.ask("GET", path, by=stage.firms["seller"])).json()
    assert ("terminated", "buyer", None) == (
        seen["status"],
        seen["end_contest"]["by"],
        seen["end_contest"]["outcome"],
    )
    (shown,) = seen["suspensions"]
    assert ("falls", None, [award]) == (
        shown["contest"]["outcome"],
        shown["contest"]["settled_by"],
        shown["contest"]["settled_evidence"],
    )
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    pool = stage.shop.scene.pool
    assert [(None, "2028-08-31")] == await contested_since(stage)
    assert [True, False] == [row["contested_time"] is not None for row in await migrated_again(owner)]
    report = await compare_with_record(owner, lambda lane, upto: from_journal(pool, lane, upto=upto))
    await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_days_beyond_the_calendar_of_contracts_are_refused(stage: Stage, day: str) -> None:
    """Whatever counts on from them, to a quarter's end or by a term of years, would leave the calendar."""
    term = AGREEMENT_TERMS["term"] | {"starts_on": day}
    terms = {"terms": AGREEMENT_TERMS | {"conditions": [], "term": term}}
    for path, by, body in (
        (f"{stage.indexed}/deliveries", "seller", lot(shipped_on=day)),
        (f"{stage.quarterly}/quarters", "seller", {"quarter": day}),
        (f"{stage.draft}/proposals", "buyer", terms),
    ):
        assert (422, "inconsistent") == await stage.refused(path, by, body), path
    published = await publish(stage.shop, month(6, "60.00") | {"first_day": day, "last_day": day})
    assert 422 == published.status_code, published.text
    period = f"since={day[:8]}01&until={day[:8]}01"
    funnel = await stage.shop.ask("GET", f"/v1/funnel?{period}", by=stage.firms["seller"])
    assert 422 == funnel.status_code, funnel.text
