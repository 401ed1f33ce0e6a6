"""`lodestone rules`: the rule sets of a market, what one changed of another, and a new one, published."""

import rich_click as click

from market.cli.verbs import Verbs


@click.group(
    "rules",
    cls=Verbs,
    modules={
        "list": "market.cli.rules_list",
        "diff": "market.cli.rules_diff",
        "publish": "market.cli.rules_publish",
        "dry-run": "market.cli.rules_dry_run",
        "next": "market.cli.rules_next",
    },
)
def command() -> None:
    """Pricing rule sets of a market; needs a login to the database, and operators' keys to try or publish."""
