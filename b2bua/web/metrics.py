"""Prometheus figures read from the server's own counts when somebody asks.

The rooms count in plain ints; nothing here is called while a message is handled.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure and where it is read.

    ``read`` returns the value, or with ``label`` a mapping from the label's values to the values. A counter's name has no
    ``_total``: Prometheus adds it.
    """

    name: str
    text: str
    read: Callable[[], float | Mapping[str, float]]
    kind: Literal["gauge", "counter"] = "gauge"
    label: str | None = None


class Readings(Collector):
    """Collects readings at the time of the scrape."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = tuple(readings)

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        for reading in self._readings:
            yield _metric(reading)


def registry(readings: Iterable[Reading]) -> CollectorRegistry:
    """A registry with ``readings`` and the process's own CPU, memory and garbage collector figures."""
    made = CollectorRegistry()
    made.register(Readings(readings))
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made


def _metric(reading: Reading) -> Metric:
    labels = [reading.label] if reading.label else []
    family = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
    metric = family(reading.name, reading.text, labels=labels)
    value = reading.read()
    for key, number in value.items() if isinstance(value, Mapping) else [(None, value)]:
        metric.add_metric([] if key is None else [key], number)
    return metric
