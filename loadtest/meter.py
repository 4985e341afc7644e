"""The edges' own freshness meter: their histograms of commit -> applied, added up."""

import math
from collections import Counter
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from standalone.ready_file import Ready

METER = "stoa_edge_commit_to_applied_seconds"


@dataclass(frozen=True, slots=True)
class Meter:
    """Observations at or below each bucket's bound, over all workers."""

    buckets: Counter[float]

    def since(self, before: "Meter") -> "Meter":
        return Meter(Counter({bound: count - before.buckets[bound] for bound, count in self.buckets.items()}))

    def percentile_ms(self, share: float) -> float | None:
        """Between two bounds as if evenly spread; None if nothing was observed, or it lies past the last bound."""
        wanted = share * self.buckets[math.inf]
        low, below = 0.0, 0
        for bound, count in sorted(self.buckets.items()):
            if count >= wanted > 0:
                inside = (wanted - below) / (count - below)
                return None if math.isinf(bound) else round((low + (bound - low) * inside) * 1000, 1)
            low, below = bound, count
        return None

    def as_dict(self) -> dict[str, float | None]:
        return {
            "applied": self.buckets[math.inf],
            "p50_ms": self.percentile_ms(0.5),
            "p99_ms": self.percentile_ms(0.99),
        }


async def read_meter(ready: Ready) -> Meter:
    buckets: Counter[float] = Counter()
    async with httpx.AsyncClient(timeout=10) as client:
        for worker in ready.edge_workers:
            page = (await client.get(f"{worker.ops_url}/metrics")).raise_for_status().text
            for family in text_string_to_metric_families(page):
                for sample in family.samples if family.name == METER else ():
                    if sample.name.endswith("_bucket"):
                        buckets[float(sample.labels["le"])] += int(sample.value)
    return Meter(buckets)
