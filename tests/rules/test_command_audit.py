"""What commands recorded, decided again from the lane alone: forged consent, orders and prices are found."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from events.callers import Caller
from events.chain import genesis, next_head
from events.codec import encode_event
from events.decision import Moment
from events.envelope import Recorded, source_of
from events.market_events import (
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MemberSuspended,
    QuoteAsked,
    RecoveredLotGraded,
    RequirementAmended,
    RequirementPosted,
    RequirementWithdrawn,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.vocabulary import ConvertedPrice, Denominator, StatedPrice
from market.audit.lane_audit import LaneRecord
from market.rules import matches
from market.rules.match_terms import MOVED_BY_ASSAYS
from market.rules.matches import AnswerMatch, LapseMatch, MatchGround, MatchState
from market.rules.orders.requirements import converted_limit
from market.rules.orders.supplies import converted_ask
from market.rules.visibility.explanations import MatchExplanation
from tests.blotter import DEPLOYMENT, MARKET, OPERATOR, START, T, Lane, eur, ident, member, ndpr_price, usd_rate
from tests.rules.test_lane_audit import audited

EUR = 1_000_000
Change = Callable[[Recorded], Recorded | None]
