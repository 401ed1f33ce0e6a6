"""What batches hand on: claims of no more than they carry, and origins by country where they are too many."""

from msgspec.structs import replace

from events.passport_terms import OriginShare
from events.vocabulary import PPB
from market.rules.custody import ORIGINS_OF_STAGE_MAX, SEVERAL, Batch, custody_refusals, mixed_origin
from market.rules.element_masses import contained
from tests.desk_support import SELLER_SITE
from tests.passport_support import content, recycled

NET_WET_G = 1_000_000


def batch(*origin: OriginShare, post: int | None = None) -> Batch:
    held = content(SELLER_SITE, recycled=() if post is None else recycled(post=post))
    return Batch(content=replace(held, origin=origin), net_wet_g=NET_WET_G, masses=contained(held, NET_WET_G))


def mined(country: str, source: str, share_ppb: int) -> OriginShare:
    return OriginShare(stage="extraction", country=country, source=source, share_ppb=share_ppb)


def test_an_element_that_no_input_carries_is_not_claimed_of_any() -> None:
    """Of another's mass; of the element itself none is claimed either."""
    without, claiming = replace(batch(post=100), masses={}), batch(post=1)
    assert [("claim_above_inputs", "0 %"), ("claim_mass_above_inputs", "0")] == [
        (each.code, each.figures.get("most"))
        for each in custody_refusals("segregated", [without], [claiming])
    ]
    assert [] == custody_refusals("segregated", [without, batch(post=1)], [claiming])


def test_more_sources_than_a_stage_holds_are_told_by_country() -> None:
    """One input from as many mines as there may be, and half of the whole from one mine more."""
    each_ppb, left_ppb = divmod(PPB, ORIGINS_OF_STAGE_MAX)
    assert 0 == left_ppb
    mines = [mined("AU", f"mine {number}", each_ppb) for number in range(ORIGINS_OF_STAGE_MAX)]
    assert tuple(mines) == mixed_origin([batch(*mines)], None)
    assert (mined("AU", SEVERAL, PPB // 2), mined("CN", SEVERAL, PPB // 2)) == mixed_origin(
        [batch(*mines), batch(mined("CN", "one more", PPB))], None
    )


def test_inputs_without_rare_earths_mix_by_their_mass() -> None:
    first, second = (
        replace(batch(mined(country, "a mine", PPB)), masses={}, net_wet_g=mass_g)
        for country, mass_g in (("AU", 3), ("CN", 1))
    )
    assert [("AU", 750_000_000), ("CN", 250_000_000)] == [
        (each.country, each.share_ppb) for each in mixed_origin([first, second], None)
    ]
