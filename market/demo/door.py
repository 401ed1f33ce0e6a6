"""The demonstration's way in: a key, plain HTTP, and a problem document that stops it with its sentences."""

from typing import Any
from uuid import UUID, uuid5

import httpx

DEMO_NAMESPACE = UUID("6d61726b-6574-5d65-8d6f-000000000001")
"""Idempotency keys of the demonstration derive from this and the order of its requests."""


class DemoError(Exception):
    """The door refused what the demonstration needs; the message is its problem document in words."""


def hold(held: object, claim: str) -> None:
    """DemoError when a claim of the demonstration does not hold."""
    if not held:
        raise DemoError(f"this did not hold: {claim}")


class Door:
    """One caller of the API. `get` and `post` answer the decoded body."""

    def __init__(self, client: httpx.AsyncClient, token: str, label: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._label = label
        self._sent = 0

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        response = await self._client.get(path, params=query, headers=self._headers)
        return self._body(response)

    async def post(
        self, path: str, body: dict[str, Any] | None = None, *, version: int | None = None
    ) -> dict[str, Any]:
        """`version`: of what the body changes. Raises DemoError on every answer that is not a success."""
        return self._body(await self._send(path, body, version))

    async def refused(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The problem document. DemoError when the door takes the body."""
        response = await self._send(path, body, None)
        hold(response.is_client_error, f"{self._label}: {path} is refused")
        problem: dict[str, Any] = response.json()
        return problem

    async def _send(self, path: str, body: dict[str, Any] | None, version: int | None) -> httpx.Response:
        self._sent += 1
        key = uuid5(DEMO_NAMESPACE, f"{self._label}/{self._sent}")
        headers = self._headers | {"Idempotency-Key": str(key)}
        if version is not None:
            headers["If-Match"] = f'"v{version}"'
        return await self._client.post(path, json=body, headers=headers)

    def _body(self, response: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = response.json()
        if response.is_success:
            return body
        faults = "; ".join(
            f"{fault.get('pointer') or fault.get('parameter') or ''} {fault.get('detail')}"
            for fault in body.get("errors", [])
        )
        raise DemoError(
            f"{self._label}: {response.request.method} {response.request.url.path} answered "
            f"{response.status_code} {body.get('code')}: {body.get('detail')} {faults}".strip()
        )
