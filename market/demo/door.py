"""The demonstration's ways in: a client for each caller, and what stops the demonstration."""

from itertools import count
from uuid import UUID, uuid5

import httpx

from market.client import Client, Patience

DEMO_NAMESPACE = UUID("6d61726b-6574-5d65-8d6f-000000000001")
"""Idempotency keys of the demonstration derive from this and the order of its requests."""
PAUSE_SECONDS_MAX = 2.0
"""What takes longer, such as a checkpoint, the demonstration looks for by itself."""


class DemoError(Exception):
    """What the demonstration needs did not come."""


def hold(held: object, claim: str) -> None:
    """DemoError when a claim of the demonstration does not hold."""
    if not held:
        raise DemoError(f"this did not hold: {claim}")


def way_in(http: httpx.AsyncClient, token: str, label: str) -> Client:
    sent = count(1)
    return Client(
        str(http.base_url),
        token,
        http=http,
        patience=Patience(pause_seconds_max=PAUSE_SECONDS_MAX),
        new_key=lambda: str(uuid5(DEMO_NAMESPACE, f"{label}/{next(sent)}")),
    )
