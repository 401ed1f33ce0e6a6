"""Webhooks of an organisation: register, change, rotate secrets, disable, remove."""

from events.decision import Request
from events.desk import Answer, Desk
from market.commands.parties import of_organisation, submit_for_party
from market.rules.streams import webhooks as rules
from market.rules.streams.webhooks import (
    ChangeWebhook,
    DisableWebhook,
    RegisterWebhook,
    RemoveWebhook,
    RotateWebhook,
)

REGISTER = of_organisation("webhook.register", rules.register_webhook)
CHANGE = of_organisation("webhook.change", rules.change_webhook)
ROTATE = of_organisation("webhook.rotate", rules.rotate_webhook)
DISABLE = of_organisation("webhook.disable", rules.disable_webhook)
REMOVE = of_organisation("webhook.remove", rules.remove_webhook)


async def register(
    desk: Desk, argument: RegisterWebhook, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await submit_for_party(desk, REGISTER, argument, request=request, dry_run=dry_run)


async def change(
    desk: Desk, argument: ChangeWebhook, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await submit_for_party(desk, CHANGE, argument, request=request, dry_run=dry_run)


async def rotate(
    desk: Desk, argument: RotateWebhook, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await submit_for_party(desk, ROTATE, argument, request=request, dry_run=dry_run)


async def disable(desk: Desk, argument: DisableWebhook) -> Answer:
    return await submit_for_party(desk, DISABLE, argument, request=None, dry_run=False)


async def remove(desk: Desk, argument: RemoveWebhook, *, dry_run: bool = False) -> Answer:
    return await submit_for_party(desk, REMOVE, argument, request=None, dry_run=dry_run)
