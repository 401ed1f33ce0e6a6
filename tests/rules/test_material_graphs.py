"""Random graphs of transformations: several elements, losses, returns, claims by each model of ISO 22095."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from events.passport_terms import CLAIM_KINDS, CUSTODY_LADDER, ClaimKind, ElementShare
from events.refusal import Refusals
from events.vocabulary import PPB
from market.rules.custody import RETURNED
from market.rules.element_masses import SCALE_PER_MG, contained
from market.rules.passports.passports import IssuePassport
from market.rules.passports.transformations import MadeLot, Transform
from tests.desk_support import NOW, SELLER_SITE, SELLER_TRADER, moment, numbered
from tests.passport_support import PERCENT, Ledger, assayed, content, made, site, transform

ELEMENTS = ("Nd", "Dy", "B")
FORMS = ("metal", "finished_magnet")
GRAPHS = 40


class Root(NamedTuple):
    """Percents of each element; `post` and `pre` in steps of 5 %."""

    hundreds_g: int
    percents: tuple[int, int, int]
    post: int
    pre: int
    custody: Any
    form: Any


class Step(NamedTuple):
    """Lots are picked by number; `lost` in per cent of each element, `claimed` in steps of 10 %."""

    picked: list[tuple[int, int]]
    divided: int
    lost: tuple[int, int, int]
    claimed: int
    claim: ClaimKind
    custody: Any
    method: Any
    form: Any
    given_back: bool


roots = st.builds(
    Root,
    st.integers(1, 40),
    st.tuples(st.integers(1, 40), st.integers(0, 20), st.integers(0, 5)),
    st.integers(0, 10),
    st.integers(0, 10),
    st.sampled_from(CUSTODY_LADDER),
    st.sampled_from(("swarf", "finished_magnet")),
)
steps = st.builds(
    Step,
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=3),
    st.integers(0, 100),
    st.tuples(*(st.integers(0, 50) for _ in ELEMENTS)),
    st.integers(0, 10),
    st.sampled_from(CLAIM_KINDS),
    st.sampled_from(CUSTODY_LADDER),
    st.sampled_from(("rolling_average", "credit")),
    st.sampled_from(FORMS),
    st.booleans(),
)


@settings(max_examples=GRAPHS)
@given(begun=st.lists(roots, min_size=1, max_size=4), graph=st.lists(steps, min_size=1, max_size=5))
def test_each_element_is_conserved_and_no_claim_is_made(begun: list[Root], graph: list[Step]) -> None:
    """Whatever is accepted: what is left and what was lost is what came in; claims only become less, but by
    what users gave back. Who asks for the same part again gets what is left of it, and no gram twice."""
    found = Ledger(site())
    for number, root in enumerate(begun):
        _issue(found, number, root)
    came = {element: found.mass(element) for element in ELEMENTS}
    lost_mg = dict.fromkeys(ELEMENTS, 0)
    budget = {
        (element, claim): found.claimed(element, claim) for element in ELEMENTS for claim in CLAIM_KINDS
    }
    for number, step in enumerate(graph):
        for again in range(2):
            argument = _worked(found, 2 * number + again, step)
            before = dict(found.passports)
            returned = _given_back(found, argument)
            try:
                found.transform(argument, moment(NOW + timedelta(days=number)))
            except Refusals:
                assert before == found.passports
                continue
            for loss in argument.losses:
                lost_mg[loss.element] += loss.mass_mg
            for element in ELEMENTS:
                assert came[element] == found.mass(element) + lost_mg[element] * SCALE_PER_MG
                budget[element, "post_consumer"] += returned.get(element, 0) * PPB
            for (element, claim), most in budget.items():
                now = found.claimed(element, claim)
                assert now <= most
                budget[element, claim] = now


def _issue(found: Ledger, number: int, root: Root) -> None:
    percents = {element: each for element, each in zip(ELEMENTS, root.percents, strict=True) if each}
    shares = tuple(
        ElementShare(
            element=element,
            post_consumer_ppb=root.post * 5 * PERCENT,
            pre_consumer_ppb=root.pre * 5 * PERCENT,
        )
        for element in percents
    )
    stated = content(
        SELLER_SITE,
        f"ROOT-{number}",
        form=root.form,
        net_wet_g=root.hundreds_g * 100,
        composition=assayed(**percents),
        recycled=() if root.custody == "book_and_claim" else shares,
        custody=root.custody,
    )
    found.issue(
        IssuePassport(caller=SELLER_TRADER, passport=numbered(2_000 + number), content=stated), moment()
    )


def _worked(found: Ledger, number: int, step: Step) -> Transform:
    """Each element of the inputs for itself, Nd in two lots, but for its loss; some claim what they like."""
    known = list(found.passports.values())
    inputs: dict[UUID, int] = {}
    for place, hundreds in step.picked:
        chosen = known[place % len(known)]
        inputs[chosen.passport] = min(hundreds * 100, chosen.remaining_g or hundreds)
    stated: dict[str, Any] = {"custody": step.custody, "method": step.method, "balance_days": 30}
    models = [found.passports[passport].content.custody for passport in inputs]
    if "mass_balance" not in (step.custody, *models):
        stated |= {"method": None, "balance_days": None}
    if step.given_back:
        (passport, mass_g), *_ = inputs.items()
        return _returning(found, number, passport, mass_g, stated)
    outputs: list[MadeLot] = []
    lost_mg = {}
    for element, percent in zip(ELEMENTS, step.lost, strict=True):
        mass_mg = _mass_mg(found, inputs, element)
        kept_g = mass_mg // 1_000 * (100 - percent) // 100
        lost_mg[element] = mass_mg - kept_g * 1_000
        first_g = kept_g * step.divided // 100 if element == "Nd" else kept_g
        parts = [part_g for part_g in (first_g, kept_g - first_g) if part_g]
        outputs += _lots(number, element, parts, step)
    losses = {element: mass_mg for element, mass_mg in lost_mg.items() if mass_mg}
    return transform(
        SELLER_TRADER,
        numbered(4_000 + number),
        SELLER_SITE,
        list(inputs.items()),
        outputs,
        lost_mg=losses,
        **stated,
    )


def _lots(number: int, element: str, parts_g: list[int], step: Step) -> Iterator[MadeLot]:
    share = ElementShare(element=element, **{f"{step.claim}_ppb": step.claimed * 10 * PERCENT})
    for place, part_g in enumerate(parts_g):
        yield made(
            numbered(10_000 + 100 * number + 10 * ELEMENTS.index(element) + place),
            f"MADE-{number}-{element}-{place}",
            form=step.form,
            net_wet_g=part_g,
            composition=assayed(**{element: 100}),
            recycled=(share,) if place == 0 and step.claimed else (),
        )


def _returning(found: Ledger, number: int, passport: UUID, mass_g: int, stated: dict[str, Any]) -> Transform:
    """What was in use comes back as it is, all of it post-consumer."""
    composition = found.passports[passport].content.composition
    shares = tuple(ElementShare(element=cell.analyte, post_consumer_ppb=PPB) for cell in composition.cells)
    lot = made(
        numbered(10_000 + 100 * number),
        f"BACK-{number}",
        form="eol_magnet",
        net_wet_g=mass_g,
        composition=composition,
        recycled=shares,
        evidence=content(SELLER_SITE).evidence,
    )
    return transform(
        SELLER_TRADER,
        numbered(4_000 + number),
        SELLER_SITE,
        [(passport, mass_g)],
        [lot],
        **(stated | {"stage": "recycling"}),
    )


def _mass_mg(found: Ledger, inputs: dict[UUID, int], element: str) -> int:
    """Whole: masses are hundreds of grams or all that is left, shares whole per cents."""
    masses = (contained(found.passports[each].content, mass_g) for each, mass_g in inputs.items())
    return sum(each[element].least for each in masses if element in each) // SCALE_PER_MG


def _given_back(found: Ledger, argument: Transform) -> dict[str, int]:
    """Over SCALE_PER_MG: what may newly be claimed as post-consumer."""
    if argument.stage != "recycling" or not all(lot.form in RETURNED for lot in argument.outputs):
        return {}
    (part,) = argument.inputs
    masses = contained(found.passports[part.passport].content, part.net_wet_g)
    return {element: mass.most for element, mass in masses.items()}
