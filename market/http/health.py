"""Whether this process lives and may be sent requests; without credentials, and saying nothing of
anybody."""

from typing import Final

from msgspec import Struct

from market.http.access import PUBLIC
from market.http.endpoint import Answer, Call, Nothing, endpoint

TAG: Final = "Operations"


class Liveness(Struct, frozen=True, kw_only=True):
    status: str


class Readiness(Struct, frozen=True, kw_only=True):
    """`failing` maps each check that fails to its sentence."""

    status: str
    checks: tuple[str, ...]
    failing: dict[str, str]


@endpoint(
    "GET", "/livez", roles=PUBLIC, summary="The event loop runs", tag=TAG, answer=Liveness, metered=False
)
async def live(_call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=Liveness(status="ok"), headers={"Cache-Control": "no-store"})


@endpoint(
    "GET",
    "/readyz",
    roles=PUBLIC,
    summary="Database, migrations and relay are well",
    tag=TAG,
    metered=False,
    answer=Readiness,
    also=(503,),
    description="503 with the same body while a check fails.",
)
async def ready(call: Call[Nothing, Nothing]) -> Answer:
    failing: dict[str, str] = {}
    for name, check in call.door.checks.items():
        sentence = await check()
        if sentence is not None:
            failing[name] = sentence
    body = Readiness(
        status="failing" if failing else "ok", checks=tuple(sorted(call.door.checks)), failing=failing
    )
    return Answer(body=body, status=503 if failing else 200, headers={"Cache-Control": "no-store"})


HANDLERS: Final = (live, ready)
