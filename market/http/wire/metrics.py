"""Names and types of the door's metrics, declared once; `route` is the template, never a path."""

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class DoorMetrics:
    """The door's own series on a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "lodestone_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "lodestone_http_request_seconds",
            "Time from the request's head to the end of its answer.",
            ("method", "route"),
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.refusals = Counter(
            "lodestone_refusals",
            "Requests refused, by the code of each reason.",
            ("code",),
            registry=registry,
        )
        self.connections_refused = Counter(
            "lodestone_http_connections_refused",
            "Connections closed because as many were open as are taken, told so or not.",
            registry=registry,
        )
        self._routes: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float, codes: tuple[str, ...]) -> None:
        known = self._routes.get((method, route, status))
        if known is None:
            known = self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
            self._routes[method, route, status] = known
        known[0].inc()
        known[1].observe(seconds)
        for code in codes:
            self.refusals.labels(code).inc()

    def unread(self, method: str, route: str, status: int, codes: tuple[str, ...]) -> None:
        """Of what was answered before it was read, which has no time of its own."""
        self.requests.labels(method, route, str(status)).inc()
        for code in codes:
            self.refusals.labels(code).inc()


def on_process_registry() -> DoorMetrics:
    """The door's series on the process-wide registry, which the other services of the process share."""
    return _process_metrics


_process_metrics: Final = DoorMetrics(REGISTRY)
