"""A partner's consumer with aiokafka: reads its topic, each event once, and continues where it stopped.

    python follow_kafka.py localhost:9092 partner.0199b3c2-d4e5-7f60-a1b2-c3d4e5f60718.v1 place.json

The offset and the last seen ids (repeats come soon after a crash of the publisher) are in one small file,
replaced after each batch. A partner would store both in the database transaction that stores the events. If
Kafka requires a login, it uses KAFKA_USER, KAFKA_PASSWORD and KAFKA_CA_FILE from the environment.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.helpers import create_ssl_context


async def follow(bootstrap: str, topic: str, file: Path, *, once: bool) -> None:
    kept = read(file)
    place = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, **login()) as consumer:
        consumer.assign([place])
        consumer.seek(place, kept["offset"])
        while (found := await consumer.getmany(place, timeout_ms=1_000)) or not once:
            for record in found.get(place, []):
                headers = {name: value.decode() for name, value in record.headers}
                if headers["ce_id"] not in kept["seen"]:
                    take(headers, json.loads(record.value))
                kept["seen"][headers["ce_id"]] = kept["offset"] = record.offset + 1
            kept["seen"] = dict(list(kept["seen"].items())[-100_000:])
            file.with_suffix(".new").write_text(json.dumps(kept))
            file.with_suffix(".new").replace(file)


def read(file: Path) -> Any:
    return json.loads(file.read_text()) if file.exists() else {"offset": 0, "seen": {}}


def take(headers: dict[str, str], data: dict[str, Any]) -> None:
    """What a partner does with an event."""
    sys.stdout.write(f"{headers['ce_type']} {headers['ce_subject']} {json.dumps(data)}\n")


def login() -> dict[str, Any]:
    if "KAFKA_USER" not in os.environ:
        return {}
    tls = create_ssl_context(cafile=os.environ["KAFKA_CA_FILE"])
    who = {
        "sasl_plain_username": os.environ["KAFKA_USER"],
        "sasl_plain_password": os.environ["KAFKA_PASSWORD"],
    }
    return {"security_protocol": "SASL_SSL", "ssl_context": tls, "sasl_mechanism": "SCRAM-SHA-512", **who}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Tell the events of a partner's topic.")
    for name, kind in {"bootstrap": str, "topic": str, "file": Path}.items():
        parser.add_argument(name, type=kind)
    parser.add_argument("--once", action="store_true", help="end when nothing has come for a second")
    asyncio.run(follow(**vars(parser.parse_args())))
