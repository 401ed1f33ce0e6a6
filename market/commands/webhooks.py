"""Webhooks of an organisation: register, change, rotate secrets, disable, remove."""

from market.commands.party_steps import PartyStep
from market.rules.streams import webhooks as rules

register = PartyStep("webhook.register", rules.register_webhook)
change = PartyStep("webhook.change", rules.change_webhook)
rotate = PartyStep("webhook.rotate", rules.rotate_webhook)
disable = PartyStep("webhook.disable", rules.disable_webhook)
remove = PartyStep("webhook.remove", rules.remove_webhook)
