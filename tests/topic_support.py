"""Topics set otherwise than declared, and what the gauges of this process show."""

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import REGISTRY

from events.brokers import Bootstrap
from events.connections import open_admin


async def set_topic(bootstrap: Bootstrap, topic: str, config: dict[str, str]) -> None:
    """Sets these, and all others as the broker has them."""
    async with open_admin(bootstrap) as admin:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, config)
        (answer,) = await admin.alter_configs([asked])
        assert [0] == [resource[0] for resource in answer.resources]


async def shown(value: float, name: str, **labels: str) -> bool:
    return REGISTRY.get_sample_value(name, labels) == value
