"""Supply offers: post, amend, withdraw, expire."""

from events.desk import in_market
from market.commands.counting import in_turn
from market.commands.orders import load_posting, load_supplies
from market.commands.supplies import SupplyCommands
from market.rules.orders import offers

OFFERS = SupplyCommands(
    kind="offer",
    posting=in_turn("supply-offer.post", load_posting, offers.post),
    judging=in_market("supply-offer.judge", load_posting, offers.judge),
    amending=in_turn("supply-offer.amend", load_supplies, offers.amend),
    withdrawing=in_market("supply-offer.withdraw", load_supplies, offers.withdraw),
    expiring=in_market("supply-offer.expire", load_supplies, offers.expire),
)
post = OFFERS.post
judge = OFFERS.judge
amend = OFFERS.amend
withdraw = OFFERS.withdraw
expire = OFFERS.expire
