"""The dependencies of the handlers; created once by the wiring, or by a test, and passed to `create_app`."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from msgspec import Struct, field

from events.connections import Pool
from events.desk import Desk
from market.http.wire.access import KeyRing
from market.http.wire.feed_tail import FeedTail
from market.http.wire.limits import CallerLimits
from market.http.wire.metrics import DoorMetrics
from market.http.wire.paging import CursorSeal
from market.lookups import Resolve
from market.readiness import Check
from market.rules.streams.reach import Reach
from market.solver import Solver
from market.store.recently_read import RecentTerms


class Door(Struct, frozen=True, kw_only=True):
    """`public_id_key` makes the ids of the anonymised book; `topic_prefix` stands before the names of topics;
    from `webhook_key` secrets are derived, `reach` and `resolve` tell where webhooks may lead;
    `new_secret` gives the 32 random bytes of an API key; `limits` are of organisations, `strangers` of the
    addresses of who is not known by a key; `solver` computes what-ifs of rounds; `import_bytes_max` is of a
    file; `public_url` is where everybody reaches the API."""

    desk: Desk
    reader: Pool
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    new_secret: Callable[[], bytes]
    public_id_key: bytes
    topic_prefix: str
    webhook_key: bytes
    reach: Reach
    resolve: Resolve
    keys: KeyRing
    seal: CursorSeal
    limits: CallerLimits
    strangers: CallerLimits
    solver: Solver
    metrics: DoorMetrics
    feed: FeedTail
    checks: dict[str, Check]
    body_bytes_max: int
    public_url: str | None = None
    import_bytes_max: int
    recent: RecentTerms = field(default_factory=RecentTerms)
