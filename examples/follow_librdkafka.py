"""A partner's consumer with confluent-kafka (librdkafka): as follow_kafka.py, a hundred records at a time.

python follow_librdkafka.py localhost:9092 partner.0199b3c2-d4e5-7f60-a1b2-c3d4e5f60718.v1 place.json
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition


def follow(bootstrap: str, topic: str, file: Path, *, once: bool) -> None:
    kept = read(file)
    consumer = Consumer({"bootstrap.servers": bootstrap, "enable.auto.commit": False, **login()})
    try:
        consumer.assign([TopicPartition(topic, 0, kept["offset"])])
        while (found := consumer.consume(100, timeout=2.0)) or not once:
            for record in found:
                if record.error():
                    raise KafkaException(record.error())
                headers = {name: value.decode() for name, value in record.headers()}
                if headers["ce_id"] not in kept["seen"]:
                    take(headers, json.loads(record.value()))
                kept["seen"][headers["ce_id"]] = kept["offset"] = record.offset() + 1
            kept["seen"] = dict(list(kept["seen"].items())[-100_000:])
            file.with_suffix(".new").write_text(json.dumps(kept))
            file.with_suffix(".new").replace(file)
    finally:
        consumer.close()


def read(file: Path) -> Any:
    return json.loads(file.read_text()) if file.exists() else {"offset": 0, "seen": {}}


def take(headers: dict[str, str], data: dict[str, Any]) -> None:
    """What a partner does with an event."""
    sys.stdout.write(f"{headers['ce_type']} {headers['ce_subject']} {json.dumps(data)}\n")


def login() -> dict[str, str]:
    """librdkafka looks up the group although it is not used, so it has to be one that the partner may
    read."""
    if "KAFKA_USER" not in os.environ:
        return {"group.id": "none"}
    tls = {"security.protocol": "SASL_SSL", "ssl.ca.location": os.environ["KAFKA_CA_FILE"]}
    who = {"sasl.username": os.environ["KAFKA_USER"], "sasl.password": os.environ["KAFKA_PASSWORD"]}
    return {**tls, **who, "sasl.mechanism": "SCRAM-SHA-512", "group.id": f"{who['sasl.username']}.follow"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Tell the events of a partner's topic.")
    for name, kind in {"bootstrap": str, "topic": str, "file": Path}.items():
        parser.add_argument(name, type=kind)
    parser.add_argument("--once", action="store_true", help="end when nothing has come for two seconds")
    follow(**vars(parser.parse_args()))
