"""Names and types of all metrics, declared once, and the address at which a process serves them.

Not in the API itself: how often a route is called would reveal something about other traders.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, start_http_server

SERVICE_UP: Final = Gauge(
    "lodestone_service_up", "1 while the service runs, 0 while it waits to be started again.", ("service",)
)
SERVICE_FAILURES: Final = Counter(
    "lodestone_service_failures", "Times a service ended by an error and was started again.", ("service",)
)
LOG_LINES_LOST: Final = Counter(
    "lodestone_log_lines_lost", "Lines of this process's log that could not be written."
)
RELAY_OLDEST_SECONDS: Final = Gauge(
    "lodestone_relay_oldest_unpublished_seconds", "Age of the oldest event that Kafka has not acknowledged."
)
READER_LAG: Final = Gauge(
    "lodestone_reader_lag_records",
    "Positions between a lane's end and its reader.",
    ("reader", "stream", "lane"),
)
READER_LAG_SECONDS: Final = Gauge(
    "lodestone_reader_lag_seconds",
    "Age of the first event a reader has not applied.",
    ("reader", "stream", "lane"),
)
LANE_STOPPED: Final = Gauge(
    "lodestone_lane_stopped",
    "1 while a reader or the relay has stopped a lane.",
    ("reader", "stream", "lane"),
)
LANE_WAITS: Final = Gauge(
    "lodestone_lane_waits",
    "1 while a reader waits on a lane whose journal lacks what its topic holds.",
    ("reader", "stream", "lane"),
)
CLEARING_SECONDS: Final = Histogram(
    "lodestone_clearing_seconds",
    "Time to compute a round, without its transaction.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
)
CLEARINGS: Final = Counter("lodestone_clearings", "Rounds computed, by their last event.", ("outcome",))
TIMER_COMMANDS: Final = Counter(
    "lodestone_timer_commands", "Commands given by timers, by kind and outcome.", ("kind", "outcome")
)
TAPE_RECORDS: Final = Counter("lodestone_tape_records", "Records sent to the public tape.", ("topic",))
PARTNER_RECORDS: Final = Counter("lodestone_partner_records", "Records sent to the topics of partners.")
WEBHOOK_POSTS: Final = Counter(
    "lodestone_webhook_posts", "Messages posted to webhooks, by what came of it.", ("outcome",)
)
FEED_DAMAGED: Final = Counter(
    "lodestone_feed_damaged", "Times a block of the feed was met whose bytes are not those that were written."
)
# Exported as 0 from the start: an alert does not see a counter that begins at 1 grow, and a ratio to a
# missing series is empty.
for _outcome in ("ClearingCompleted", "ClearingAbandoned"):
    CLEARINGS.labels(_outcome)
for _outcome in ("delivered", "failed"):
    WEBHOOK_POSTS.labels(_outcome)

CHECKPOINTS_REFUSED: Final = Gauge(
    "lodestone_checkpoints_refused", "Lanes whose head the signer refuses to sign."
)
TOPIC_SETTINGS_DIFFERING: Final = Gauge(
    "lodestone_topic_settings_differing",
    "Settings of a record topic that are not as declared, as the relay sees them.",
    ("topic",),
)
TOPIC_LOSES_EVENTS: Final = Gauge(
    "lodestone_topic_loses_events",
    "1 while a record topic is set to delete or compact events.",
    ("topic",),
)
WATCHED_AT: Final = Gauge(
    "lodestone_watched_timestamp_seconds", "When this process last read what its gauges say of the record."
)
CHECKPOINT_AGE: Final = Gauge(
    "lodestone_checkpoint_age_seconds", "Age of the newest checkpoint; NaN while there is none."
)
UNSEALED_OLDEST: Final = Gauge(
    "lodestone_unsealed_oldest_seconds", "Age of the oldest event that no checkpoint covers; 0 when all are."
)
COSIGNED_BEHIND: Final = Gauge(
    "lodestone_cosigned_behind_seconds",
    "By how much the newest checkpoint that a witness has cosigned is older than the newest.",
    ("witness",),
)
AUDIT_RUN_AGE: Final = Gauge(
    "lodestone_audit_run_age_seconds",
    "Age of the auditor's newest completed run, or of the deployment before the first.",
)
TIMER_OLDEST_DUE: Final = Gauge(
    "lodestone_timer_oldest_due_seconds", "For how long the oldest due timer has waited.", ("kind",)
)
CONTEST_AGE: Final = Gauge(
    "lodestone_contest_seconds",
    "For how long what two sides differ on has waited to be settled, by its agreement or delivery: the "
    "oldest of each kind, and no series of what is settled.",
    ("kind", "subject", "suspension"),
)
CONTESTS: Final = Gauge(
    "lodestone_contests", "How much of what sides differ on waits to be settled, by kind.", ("kind",)
)
IMPORT_OLDEST: Final = Gauge(
    "lodestone_import_oldest_seconds", "Age of the oldest file of rows that is not worked off."
)
WEBHOOK_OLDEST_DUE: Final = Gauge(
    "lodestone_webhook_oldest_due_seconds", "For how long the oldest due message to a webhook has waited."
)
WEBHOOKS_UNSERVED: Final = Gauge("lodestone_webhooks_unserved", "Active webhooks to which no process posts.")
DATABASE_FULL: Final = Gauge(
    "lodestone_database_disk_full", "1 while PostgreSQL has no room to write what it is told to."
)
DATABASE_BYTES: Final = Gauge("lodestone_database_bytes", "Size of the database, without PostgreSQL's log.")
DISK_FREE: Final = Gauge(
    "lodestone_disk_free_bytes",
    "Room left on the disk of an embedded server; no series of a server that runs elsewhere.",
    ("server",),
)
CERTIFICATE_ENDS: Final = Gauge(
    "lodestone_certificate_ends_timestamp_seconds",
    "Until when a certificate counts that this process shows, believes or is shown.",
    ("certificate",),
)
CLOCK_AHEAD: Final = Gauge(
    "lodestone_clock_ahead_seconds", "This process's clock minus the database's; below 0 when it is behind."
)
LANE_AHEAD: Final = Gauge(
    "lodestone_lane_ahead_seconds",
    "By how much the last event of any lane lies ahead of the database's clock; 0 when none does.",
)
TIMERS_REFUSED: Final = Gauge(
    "lodestone_timers_refused",
    "Orders, matches, agreements and the like whose due step the rules refused when it was last tried.",
    ("kind", "code"),
)
AUDIT_DIVERGENCES: Final = Gauge(
    "lodestone_audit_divergences", "Lanes whose topic does not continue its chain."
)


@contextmanager
def showing_metrics(host: str, port: int) -> Iterator[int]:
    """Serves `GET /metrics` of this process at a separate address; yields the port. OSError when it is in
    use."""
    server, thread = start_http_server(port, host)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
