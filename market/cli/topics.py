"""`lodestone topics`: create what is missing of the declared topics; publish lost lanes again.

Help reads this; what creates is read when it is called.
"""

import rich_click as click


@click.command("topics")
@click.option(
    "--republish", "lost", metavar="all|public|STREAM|STREAM/LANE",
    help="Publish lost lanes, or the public topics, again from their first event; stop the services first.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, lost: str | None, dry_run: bool, as_json: bool) -> None:
    """Create missing topics of deploy/kafka/topics.toml; existing ones are not changed.

    Shows which have other settings than declared; exit code 3: a record topic is set to lose events.

    Before lanes are published again, the journal is checked against its chain and all signed heads, and the
    order is recorded. Exit code 4: the journal is not what was signed.
    """
    from market.cli.topics_created import create  # noqa: PLC0415  the clients of both servers

    create(lost, dry_run=dry_run, as_json=as_json)
