"""What operators and tools ask the region itself: health and metrics. None of it is a bucket: bucket names have no underscore."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank import __version__
from fogbank.core.errors import AwsError
from fogbank.gateway.metrics import exposition
from fogbank.services import registry
from fogbank.store.api import StoreError
from fogbank.wire import HttpResponse
from fogbank.wire.hosts import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.region import Region
    from fogbank.core.service import Gauge
    from fogbank.wire import HttpRequest

PREFIXES = ("/_fogbank/", "/_localstack/")
_JSON = [("content-type", "application/json")]


def is_internal(request: HttpRequest) -> bool:
    """Whether a path under the prefixes is the region's own: at a host of a bucket it is an object's key."""
    try:
        return not LOCAL.read(request.headers.get("host", "")).bucket
    except AwsError:
        return False


class Internal:
    """Answers requests under `/_fogbank`, and the one path under `/_localstack` that tools look at. `token` opens the metrics."""

    def __init__(self, region: Region, token: str, metrics: Callable[[], list[tuple[str, Any]]]) -> None:
        self._region = region
        self._token = token
        self._metrics = metrics

    def answer(self, request: HttpRequest) -> HttpResponse:
        """The response."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(405, [("allow", "GET, HEAD")], b"")
        if request.path in ("/_fogbank/health", "/_localstack/health"):
            return self._health()
        if request.path == "/_fogbank/metrics":
            return self._exposition(request)
        return HttpResponse(404, [], b"")

    def _health(self) -> HttpResponse:
        """Healthy is: the state can be read. The form is the one that tools for other stand-ins know."""
        try:
            with self._region.store.snapshot() as tx:
                tx.get(b"health")
        except StoreError:
            return HttpResponse(503, _JSON, msgspec.json.encode({"status": "failing", "version": __version__}))
        running = dict.fromkeys(registry.services(), "running")
        return HttpResponse(
            200, _JSON, msgspec.json.encode({"status": "ok", "services": running, "version": __version__})
        )

    def _exposition(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("authorization", "").encode()
        if not compare_digest(given, f"Bearer {self._token}".encode()):
            return HttpResponse(401, [("www-authenticate", "Bearer")], b"")
        text = exposition(self._metrics(), self._gauges())
        return HttpResponse(200, [("content-type", "text/plain; version=0.0.4; charset=utf-8")], text.encode())

    def _gauges(self) -> list[Gauge]:
        """What services tell of their state."""
        with self._region.store.snapshot() as tx:
            return [each for service in registry.services().values() for tell in service.gauges for each in tell(tx)]
