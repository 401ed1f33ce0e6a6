"""The steps of the demonstration's loop over HTTP: passports issued, transferred, transformed."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256

from msgspec import Struct

from market.client import Client
from market.demo.door import hold
from market.demo.firms import MOTOR_MAKER
from market.demo.loop_lots import CLAIMS, LoopLot, Part, lost
from market.demo.offtake import Offtake
from market.demo.offtake_terms import BUYER, Lot
from market.demo.run import Running, Traded
from market.demo.stage import Player, bring
from market.demo.supplies import Body

DELIVERED_YEAR, DELIVERED_MONTH = 3, 1
FOLLOW_SECONDS_MAX = 30.0
POLL_SECONDS = 0.05


class Work(Struct, frozen=True, kw_only=True):
    """A recorded transformation as an auditor reads it."""

    what: str
    by: str
    inputs: tuple[LoopLot, ...]
    outputs: tuple[LoopLot, ...]
    view: Body


class Loop:
    """Who has a part in the loop, and the passports of its lots by lot number."""

    def __init__(self, place: Running, players: dict[str, Player]) -> None:
        self.passports: dict[str, str] = {}
        self.works: list[Work] = []
        self.players = players
        self._place = place

    @property
    def auditor(self) -> Client:
        return self._place.auditor

    def door(self, firm: str) -> Client:
        return self.players[firm].door

    def name(self, organisation: str) -> str:
        return next(name for name, each in self.players.items() if each.organisation == organisation)

    async def issue(self, firm: str, lot: LoopLot, origin: Sequence[Body] = ()) -> None:
        """Of a lot that no passport went into."""
        body = self._stated(lot) | {
            "facility": self.players[firm].facility,
            "custody": "segregated",
            "origin": list(origin),
            "evidence": self._documents(lot, ("origin",) if origin else ()),
        }
        self.passports[lot.number] = (await self.door(firm).post("/v1/passports", body))["id"]

    async def transfer(self, lot: LoopLot, giver: str, *, to: str, holder: str | None = None) -> None:
        """Title and goods by the owner, or with a `holder` goods alone; by the holder back to the owner."""
        path = f"/v1/passports/{self.passports[lot.number]}"
        version = (await self.door(giver).get(path))["version"]
        body = {"owner": self.players[to].organisation, "transferred_on": self._today()}
        if holder is not None:
            body["holder"] = self.players[holder].organisation
        await self.door(giver).post(f"{path}/transfers", body, version=version)

    async def work(
        self,
        firm: str,
        what: str,
        inputs: Sequence[Part],
        outputs: Sequence[LoopLot],
        *,
        stage: str,
        custody: str = "segregated",
    ) -> None:
        body = self.transformation(firm, inputs, outputs, stage=stage, custody=custody)
        answer = await self.door(firm).post("/v1/transformations", body)
        for lot, passport in zip(outputs, answer["outputs"], strict=True):
            self.passports[lot.number] = passport
        view = await self.auditor.get(f"/v1/transformations/{answer['id']}")
        lots = tuple(lot for lot, _ in inputs)
        self.works.append(Work(what=what, by=firm, inputs=lots, outputs=tuple(outputs), view=view))

    def transformation(
        self, firm: str, inputs: Sequence[Part], outputs: Sequence[LoopLot], *, stage: str, custody: str
    ) -> Body:
        """Without a tolerance: losses are what is missing."""
        return {
            "facility": self.players[firm].facility,
            "stage": stage,
            "transformed_on": self._today(),
            "custody": custody,
            "inputs": [
                {"passport": self.passports[lot.number], "net_wet_t": _tonnes(kg)} for lot, kg in inputs
            ],
            "outputs": [
                self._stated(lot) | {"evidence": self._documents(lot, ()), "magnets": self._label(lot)}
                for lot in outputs
            ],
            "losses": [
                {"element": element, "mass_g": f"{grams:.3f}"}
                for element, grams in lost(inputs, outputs).items()
            ],
        }

    async def deliver(self, lot: LoopLot, offtake: Offtake) -> Body:
        """Under the offtake; the passport follows by itself once the buyer has accepted."""
        shipped = Lot(
            number=lot.number,
            year=DELIVERED_YEAR,
            month=DELIVERED_MONTH,
            net_wet_t=lot.net_kg / 1_000,
            nd_seller=lot.percents["Nd"],
            pr=lot.percents["Pr"],
        )
        passport = self.passports[lot.number]
        await offtake.deliver(shipped, passport=passport)
        async with asyncio.timeout(FOLLOW_SECONDS_MAX):
            while True:
                found = await self.auditor.get(f"/v1/passports/{passport}")
                if found["owner"] == self.players[BUYER].organisation:
                    return found
                await asyncio.sleep(POLL_SECONDS)

    def _stated(self, lot: LoopLot) -> Body:
        return {
            "lot_number": lot.number,
            "form": lot.form,
            "net_wet_t": _tonnes(lot.net_kg),
            "composition": lot.composition(),
            "recycled": lot.recycled(),
        }

    def _documents(self, lot: LoopLot, claims: Sequence[str]) -> list[Body]:
        """For each claim; of recycled shares where there are any."""
        supported = [*claims, *(["recycled"] if lot.shares else [])]
        return [
            {
                "supports": claim,
                "document": {
                    "title": f"{claim} of {lot.number}",
                    "sha256": sha256(f"{claim} of {lot.number}".encode()).hexdigest(),
                    "dated_on": self._today(),
                },
            }
            for claim in supported
        ]

    def _label(self, lot: LoopLot) -> Body | None:
        """Articles 28 and 29 of Regulation (EU) 2024/1252, of magnets in motors."""
        if lot.motors is None:
            return None
        return {
            "magnets": [
                {
                    "type": "NdFeB",
                    "pieces": lot.motors,
                    "mass_g": f"{lot.net_kg * 1_000 / lot.motors:.3f}",
                    "location": "rotor, behind the end cap",
                    "coatings": ["NiCuNi"],
                    "glues": ["epoxy"],
                }
            ],
            "removal_steps": [{"instruction": "Heat the rotor to 150 degrees and push.", "tools": ["press"]}],
            "responsible_organisation": self.players[MOTOR_MAKER.name].organisation,
            "responsible_role": "manufacturer",
            "data_carrier": "qr_code",
            "data_carrier_address": f"https://motors.invalid/{lot.number}",
        }

    def _today(self) -> str:
        return self._place.clock().date().isoformat()


async def open_loop(place: Running, traded: Traded) -> Loop:
    """With the motor maker, who does not trade in the market."""
    motors = await bring(place.client, place.operator, MOTOR_MAKER, traded.calendar)
    return Loop(place, traded.stage.players | {MOTOR_MAKER.name: motors})


def grams_of(parts: Sequence[Body]) -> dict[str, Decimal]:
    """Element → grams of parts of a transformation, as the record holds them."""
    found: dict[str, Decimal] = {}
    for part in parts:
        for each in part["elements"]:
            found[each["element"]] = found.get(each["element"], Decimal(0)) + Decimal(each["mass_g"])
    return found


def check_balance(work: Work) -> None:
    """DemoError when an element is not conserved to the milligram."""
    inputs, outputs = grams_of(work.view["inputs"]), grams_of(work.view["outputs"])
    losses = {each["element"]: Decimal(each["mass_g"]) for each in work.view["losses"]}
    for element, grams in inputs.items():
        out = outputs.get(element, Decimal(0)) + losses.get(element, Decimal(0))
        hold(grams == out, f"{work.what}: outputs and losses of {element} are what went in")
    hold(set(outputs) <= set(inputs), f"{work.what}: no element comes of nothing")


def check_claims(work: Work, passports: dict[str, Body]) -> None:
    """DemoError when outputs claim more of an element than the inputs carried. `passports`: by id."""
    if work.view["stage"] == "recycling" and all(lot.form == "core" for lot in work.outputs):
        return
    for claim in CLAIMS:
        came, went = (claimed_grams(work.view[side], claim, passports) for side in ("inputs", "outputs"))
        for element, grams in went.items():
            hold(grams <= came.get(element, Decimal(0)), f"{work.what}: no claim of {element} grows")


def claimed_grams(parts: Sequence[Body], claim: str, passports: dict[str, Body]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in parts:
        grams = grams_of([part])
        for share in passports[part["passport"]]["content"]["recycled"]:
            element, percent = share["element"], Decimal(share[f"{claim}_percent"])
            found[element] = found.get(element, Decimal(0)) + grams[element] * percent / 100
    return found


def _tonnes(kg: Decimal) -> str:
    return f"{kg / 1_000:.3f}"
