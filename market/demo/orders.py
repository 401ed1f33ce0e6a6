"""The demonstration's orders: who posts what, in the order in which it is posted."""

from decimal import Decimal
from random import Random
from typing import Any

from msgspec import Struct

from market.demo import figures, offtake_terms, requirements, supplies
from market.demo.calendar import Calendar
from market.demo.requirements import CARBON_PROFILE
from market.demo.stage import Progress, Stage
from market.demo.supplies import Body


class Posted(Struct, frozen=True, kw_only=True):
    """An accepted order: its id, its firm's name, what it is, and the receipt's place in the record."""

    order: str
    firm: str
    what: str
    body: Body
    answer: Body


def supply_bodies(stage: Stage, calendar: Calendar, random: Random) -> list[tuple[str, str, str, Body]]:
    """(firm, path, what, body) of every supply."""
    monazite = figures.monazite_footprint_kg_co2e_per_kg()
    clay = figures.ionic_clay_footprint_kg_co2e_per_kg()
    recycled = figures.dissolution_footprint_kg_co2e_per_kg()
    oxides = [
        ("refiner-fr-1", "mount-weld-cld", Decimal("9.50"), Decimal(0), monazite, "AU"),
        ("refiner-ee-1", "xunwu", Decimal("12.00"), Decimal(0), clay, "BR"),
        ("refiner-no-1", "mount-weld-cld", Decimal("6.00"), Decimal(0), None, "AU"),
        ("recycler-fr-1", "mount-weld-cld", Decimal("15.50"), Decimal(100), recycled, "FR"),
        ("recycler-de-1", "mount-weld-cld", Decimal("13.00"), Decimal(100), recycled, "DE"),
        ("recycler-it-1", "mount-weld-cld", Decimal("3.00"), Decimal(60), recycled, "IT"),
    ]
    bodies = []
    for name, deposit, premium, recycled_percent, footprint, origin in oxides:
        player = stage.players[name]
        body = supplies.oxide_offer(
            player.firm,
            player.facility,
            list(player.certificates.values()),
            deposit,
            premium + Decimal(random.randrange(-150, 150)) / 100,
            calendar,
            random,
            recycled_percent=recycled_percent,
            footprint_kg_co2e_per_kg=footprint,
            origin_country=origin,
        )
        bodies.append((name, "/v1/supply-offers", "NdPr oxide", body))
    mine = stage.players["mine-es-1"]
    monazite_body = supplies.monazite_oxide_offer(
        mine.firm, mine.facility, list(mine.certificates.values()), calendar
    )
    bodies.append(("mine-es-1", "/v1/supply-offers", "mixed oxide from monazite", monazite_body))
    dismantler = stage.players["dismantler-es-1"]
    for number, tonnes, ask in (
        ("EBIKE-2026-07", Decimal(12), "8.40"),
        ("EBIKE-2026-08", Decimal(6), "14.50"),
    ):
        lot = supplies.eol_lot(dismantler.firm, dismantler.facility, number, tonnes, calendar, ask_eur=ask)
        bodies.append(("dismantler-es-1", "/v1/recovered-lots", "end-of-life e-bike magnets", lot))
    swarf = stage.players["recycler-gb-1"]
    bodies.append(
        (
            "recycler-gb-1",
            "/v1/recovered-lots",
            "wet grinding swarf",
            supplies.swarf_lot(swarf.firm, swarf.facility, "SWARF-2026-03", calendar),
        )
    )
    return bodies


def requirement_bodies(stage: Stage, calendar: Calendar, random: Random) -> list[tuple[str, str, Body]]:
    """(firm, what, body) of every requirement."""

    def limit(middle: str) -> Decimal:
        return Decimal(middle) + Decimal(random.randrange(-100, 100)) / 100

    def oxide(
        name: str, grade: str, middle: str, profile: Body | None, **asked: Any
    ) -> tuple[str, str, Body]:
        player = stage.players[name]
        body = requirements.oxide_requirement(
            player.firm, player.facility, grade, limit(middle), calendar, random, profile=profile
        )
        return name, f"NdPr oxide for {grade}", body | asked

    plain: Body = {}
    german = stage.players["magnet-de-1"]
    finnish = stage.players["magnet-fi-1"]
    alloy = stage.players["alloy-gb-1"]
    return [
        oxide("magnet-ee-1", "N42SH", "81.00", CARBON_PROFILE),
        oxide(
            "magnet-de-1",
            "N38UH",
            "83.50",
            CARBON_PROFILE,
            recycled_min_percent=requirements.OWN_RECYCLED_MIN_PERCENT,
            policies=[{"policy": stage.policy, "version": 1}],
        ),
        oxide("magnet-si-1", "N42H", "82.00", plain),
        oxide("magnet-si-1", "N35EH", "66.00", plain),
        (
            "magnet-de-1",
            "end-of-life magnets and swarf for its long loop",
            requirements.recycling_requirement(german.firm, german.facility, 8_200, limit("70.00"), calendar),
        ),
        (
            "magnet-fi-1",
            "clean magnets for its short loop",
            requirements.short_loop_requirement(
                finnish.firm, finnish.facility, 900, limit("74.00"), calendar
            ),
        ),
        (
            "alloy-gb-1",
            "mixed or separated oxide below 50 ppm Th",
            requirements.alloy_requirement(alloy.firm, alloy.facility, 9_000, limit("79.00"), calendar),
        ),
    ]


async def post_orders(stage: Stage, calendar: Calendar, seed: int, progress: Progress) -> list[Posted]:
    """Post everything over HTTP. RefusedError when the door refuses an order."""
    random = Random(seed)  # noqa: S311
    posted = []
    for name, path, what, body in supply_bodies(stage, calendar, random):
        answer = await stage.players[name].door.post(path, body | {"market": stage.market})
        posted.append(Posted(order=answer["id"], firm=name, what=what, body=body, answer=answer))
    progress(f"{len(posted)} offers and lots posted")
    supplies_posted = len(posted)
    for name, what, body in requirement_bodies(stage, calendar, random):
        answer = await stage.players[name].door.post("/v1/requirements", body | {"market": stage.market})
        posted.append(Posted(order=answer["id"], firm=name, what=what, body=body, answer=answer))
    progress(f"{len(posted) - supplies_posted} requirements posted")
    return posted + await _post_term_orders(stage, calendar, progress)


async def _post_term_orders(stage: Stage, calendar: Calendar, progress: Progress) -> list[Posted]:
    """An offer and a requirement of three contract years each."""
    offer, need = offtake_terms.orders(stage, calendar)
    posted = []
    for name, path, body in (
        (offtake_terms.SELLER, "/v1/supply-offers", offer),
        (offtake_terms.BUYER, "/v1/requirements", need),
    ):
        answer = await stage.players[name].door.post(path, body | {"market": stage.market})
        what = offtake_terms.WHAT
        posted.append(Posted(order=answer["id"], firm=name, what=what, body=body, answer=answer))
    progress(f"an offer and a requirement for the years from {calendar.start_year} posted")
    return posted
