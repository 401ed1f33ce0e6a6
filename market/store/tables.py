"""The kind of every table: state is rebuilt and compared; views are rebuilt and compared at their reader's
position; operational tables are only listed and backed up."""

from typing import Final

from contracts.store import tables as contracts

STATE: Final = (
    "organisation",
    "facility",
    "certificate",
    "licence",
    "api_key",
    "partner_stream",
    "webhook",
    "initiative",
    "initiative_figures",
    "initiative_partner",
    "invitation",
    "policy",
    "policy_version",
    "market",
    "member",
    "market_input",
    "rule_set",
    "supply",
    "requirement",
    "order_terms",
    "match",
    "failing",
    "clearing",
    "lot_reservation",
    "quote",
    "passport",
    "passport_step",
    "transformation",
    "lineage_edge",
    "claim_credit",
    "product_twin",
    "declared_volume",
    "declared_volume_step",
    *contracts.STATE,
)

PROJECTED: Final = ("order_entry", "match_entry", "waterfall")
"""Views that the projector writes; the publisher writes the feed."""

VIEW: Final = (*PROJECTED, "feed")

OPERATIONAL: Final = (
    "record.deployment",
    "record.lane",
    "record.journal",
    "record.request",
    "record.restored_request",
    "record.relay",
    "record.consumer",
    "record.tile",
    "record.checkpoint",
    "record.cosignature",
    "record.key_rotation",
    "record.unsigned_lane",
    "record.audit_run",
    "ops.migration",
    "ops.snapshot",
    "ops.outlet",
    "ops.reader_process",
    "ops.feed_floor",
    "ops.import",
    "ops.import_part",
    "ops.import_report",
    "ops.webhook_sender",
    "ops.webhook_place",
    "ops.webhook_message",
)
