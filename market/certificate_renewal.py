"""Renews an embedded broker's certificates while it runs, without closing connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from events.access import Access
from events.brokers import Bootstrap
from market.broker_files import LOOPBACK, prepare_files
from market.broker_logins import security_folder
from market.rules.streams.topic_rights import SERVICES
from market.settings import Settings

log = structlog.get_logger("local")

LOOK_SECONDS: Final = 86_400.0


@asynccontextmanager
async def renewing(settings: Settings, bootstrap: Bootstrap) -> AsyncIterator[None]:
    """Renews while the context is open; does nothing for a plain-text broker."""
    if isinstance(bootstrap, str):
        yield
        return
    looking = asyncio.create_task(_look_daily(settings, bootstrap))
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look_daily(settings: Settings, bootstrap: Bootstrap) -> None:
    unread = False
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            unread |= prepare_files(security_folder(settings), LOOPBACK, SERVICES, datetime.now(UTC))
            if unread:
                told = await Access(bootstrap).reread_certificates()
                unread = False
                log.info("certificates_renewed", listeners=told)
        except Exception as error:  # noqa: BLE001  whatever it was, it is told and tried again, and the broker goes on
            log.warning("certificates_not_renewed", error=repr(error))
