"""The loop's chapter: an ore's by-product becomes magnets, they come back, and what the next may claim."""

from decimal import Decimal

from msgspec.structs import replace

from market.client.faults import Fault, InvalidError
from market.demo import loop_lots as lots
from market.demo import loop_printing as printing
from market.demo.door import DemoError, hold
from market.demo.firms import MOTOR_MAKER
from market.demo.loop import Loop, check_balance, check_claims, open_loop
from market.demo.loop_lots import LoopLot, Part
from market.demo.offtake import Offtake
from market.demo.offtake_terms import BUYER as MAGNET_MAKER
from market.demo.offtake_terms import SELLER as REFINER
from market.demo.run import Running, Traded
from market.demo.supplies import Body

MINE, ALLOY_MAKER = "mine-es-1", "alloy-gb-1"
DISMANTLER, RECYCLER = "dismantler-es-1", "recycler-de-1"
ABOVE_PPB = 50_000_000
"""Five points of a per cent more neodymium than came in."""


async def tell(place: Running, traded: Traded, offtake: Offtake) -> Loop:
    """RefusedError when a step is refused, DemoError when something comes of nothing."""
    loop = await open_loop(place, traded)
    printing.yields()
    alloy = await _alloy(loop, offtake)
    back = await _motors_and_back(loop, alloy)
    fresh = alloy.net_kg - lots.ALLOY_FOR_MAGNETS_KG
    inputs = [(back, back.net_kg), (alloy, fresh)]
    magnets, swarf = lots.pressed(("MAG-302", "SW-302"), "new magnets", inputs)
    refused = await _refused(loop, inputs, magnets, swarf)
    await loop.work(
        MAGNET_MAKER,
        "presses recovered powder with fresh alloy",
        inputs,
        (magnets, swarf),
        stage="manufacturing",
        custody="controlled_blending",
    )
    passports = await _passports(loop)
    for work in loop.works:
        check_balance(work)
        check_claims(work, {passport["id"]: passport for passport in passports.values()})
    printing.chain(loop, passports)
    printing.balances(loop)
    printing.claims(loop.works[-1], passports[magnets.number])
    printing.refusal(refused)
    await _lineage(loop, magnets, passports)
    return loop


async def _alloy(loop: Loop, offtake: Offtake) -> LoopLot:
    """By-product → oxide → alloy; the magnet maker owns what it has alloyed."""
    ore = lots.by_product()
    origin = {"stage": "extraction", "country": "ES", "share_percent": "100", "source": "a sands plant"}
    await loop.issue(MINE, ore, [origin])
    await loop.transfer(ore, MINE, to=REFINER)
    oxide, rest = lots.separated(ore)
    await loop.work(
        REFINER, "separates neodymium and praseodymium", [_whole(ore)], (oxide, rest), stage="processing"
    )
    found = await loop.deliver(oxide, offtake)
    hold(loop.name(found["holder"]) == MAGNET_MAKER, "the passport has followed its delivery")
    alloy, added = lots.alloyed(oxide)
    await loop.issue(MAGNET_MAKER, added)
    for lot in (oxide, added):
        await loop.transfer(lot, MAGNET_MAKER, to=MAGNET_MAKER, holder=ALLOY_MAKER)
    parts = [_whole(oxide), _whole(added)]
    await loop.work(ALLOY_MAKER, "reduces and casts, for a fee", parts, (alloy,), stage="manufacturing")
    await loop.transfer(alloy, ALLOY_MAKER, to=MAGNET_MAKER)
    return alloy


async def _motors_and_back(loop: Loop, alloy: LoopLot) -> LoopLot:
    """Alloy → magnets → motors → cores → recovered powder, in the magnet maker's hands again."""
    part = (alloy, lots.ALLOY_FOR_MAGNETS_KG)
    magnets, swarf = lots.pressed(("MAG-301", "SW-301"), "magnets", [part])
    await loop.work(
        MAGNET_MAKER, "presses, sinters and grinds", [part], (magnets, swarf), stage="manufacturing"
    )
    await loop.transfer(magnets, MAGNET_MAKER, to=MOTOR_MAKER.name)
    fleet, afield = (
        lots.built_in(magnets, number, count)
        for number, count in (("MOT-1", lots.MOTORS_BACK), ("MOT-2", lots.MOTORS_AFIELD))
    )
    await loop.work(
        MOTOR_MAKER.name,
        "builds 3 kg into each motor",
        [_whole(magnets)],
        (fleet, afield),
        stage="manufacturing",
    )
    await loop.transfer(fleet, MOTOR_MAKER.name, to=DISMANTLER)
    cores = lots.given_back(fleet)
    await loop.work(DISMANTLER, "takes a fleet's motors back", [_whole(fleet)], (cores,), stage="recycling")
    await loop.transfer(cores, DISMANTLER, to=RECYCLER)
    scrap = lots.scrap()
    await loop.issue(RECYCLER, scrap)
    powder = lots.decrepitated([_whole(cores), _whole(scrap)])
    await loop.work(
        RECYCLER,
        "takes magnets out, decrepitates them with rejects",
        [_whole(cores), _whole(scrap)],
        (powder,),
        stage="recycling",
        custody="controlled_blending",
    )
    await loop.transfer(powder, RECYCLER, to=MAGNET_MAKER)
    return powder


async def _refused(loop: Loop, inputs: list[Part], magnets: LoopLot, swarf: LoopLot) -> tuple[Fault, ...]:
    """What the door says of magnets that claim more post-consumer neodymium than came in."""
    share = magnets.shares["Nd"]
    more = share | {"post_consumer": share["post_consumer"] + ABOVE_PPB}
    claiming = replace(magnets, shares=magnets.shares | {"Nd": more})
    body = loop.transformation(
        MAGNET_MAKER, inputs, (claiming, swarf), stage="manufacturing", custody="controlled_blending"
    )
    try:
        await loop.door(MAGNET_MAKER).post("/v1/transformations", body)
    except InvalidError as refusal:
        codes = {fault.code for fault in refusal.faults}
        hold(codes == {"claim_above_inputs", "claim_mass_above_inputs"}, "both reasons are told")
        return refusal.faults
    raise DemoError("a claim that grows was taken")


async def _passports(loop: Loop) -> dict[str, Body]:
    """As an auditor reads them, by lot number."""
    return {
        number: await loop.auditor.get(f"/v1/passports/{passport}")
        for number, passport in loop.passports.items()
    }


async def _lineage(loop: Loop, magnets: LoopLot, passports: dict[str, Body]) -> None:
    path = f"/v1/passports/{loop.passports[magnets.number]}/lineage"
    whole, own = await loop.auditor.get(path), await loop.door(MAGNET_MAKER).get(path)
    hold(len(whole["nodes"]) == len(own["nodes"]) + own["withheld"], "who sees less is told how much less")
    for element in {share["element"] for share in whole["sources"]}:
        shares = [Decimal(s["share_percent"]) for s in whole["sources"] if s["element"] == element]
        hold(sum(shares) == 100, f"the sources of {element} are all of it")
    printing.lineage(whole, own, passports[magnets.number])


def _whole(lot: LoopLot) -> Part:
    return lot, lot.net_kg
