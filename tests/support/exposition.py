"""Reads what /metrics answers, by Prometheus' own parser; and promtool, where it is installed."""

import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Running

HISTOGRAM_PARTS = ("_bucket", "_count", "_sum")


@dataclass(frozen=True, slots=True)
class Exposition:
    text: str

    @property
    def names(self) -> set[str]:
        """The names as they are queried; of a histogram without its parts'."""
        return {_name(family) for family in text_string_to_metric_families(self.text)}

    @property
    def types(self) -> dict[str, str]:
        return {_name(family): family.type for family in text_string_to_metric_families(self.text)}

    @property
    def labels(self) -> dict[str, set[str]]:
        """The names of each metric's labels, without the limit of a histogram's bucket."""
        return {
            _name(family): {label for sample in family.samples for label in sample.labels} - {"le"}
            for family in text_string_to_metric_families(self.text)
        }

    def value(self, sample: str, **labels: str) -> float:
        """The value of one sample; fails unless it is there once."""
        (found,) = [
            each.value
            for family in text_string_to_metric_families(self.text)
            for each in family.samples
            if each.name == sample and each.labels == labels
        ]
        return float(found)

    def label_values(self) -> set[str]:
        families = text_string_to_metric_families(self.text)
        return {value for family in families for sample in family.samples for value in sample.labels.values()}


def _name(family: Any) -> str:
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


async def scrape(api: Running, **headers: str) -> Exposition:
    """What the service exposes now, as this machine sees it."""
    answer = await api.http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    return Exposition(answer.text)


def find_promtool() -> str:
    """promtool's path; the test is skipped where it is not installed (Debian: prometheus)."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed")
    return found


def check_by_promtool(*args: str, given: str = "") -> str:
    """What promtool says; it must end with 0."""
    done = subprocess.run([find_promtool(), *args], input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
