"""A typed asynchronous client of the published contract, for partners: it imports nothing of the servers.

`Client` asks, its errors are in `faults`, `webhooks.Verifier` checks what is sent to a partner.
"""

from market.client.calls import Patience
from market.client.client import Client
from market.client.faults import ClientError, RefusedError
from market.client.webhooks import ForgedError, Verifier

__all__ = ["Client", "ClientError", "ForgedError", "Patience", "RefusedError", "Verifier"]
