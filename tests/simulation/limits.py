"""Let's Encrypt's limits, kept without certwatch's own arithmetic: buckets with counts of tokens.

https://letsencrypt.org/docs/rate-limits/
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certwatch.core.names import registered_domain

_WEEK = timedelta(days=7)
_LIMITS = {  # burst, window
    "new_orders": (300, timedelta(hours=3)),
    "registered_domain": (50, _WEEK),
    "name_set": (5, _WEEK),
    "failed_validations": (5, timedelta(hours=1)),
}
_NOT_FOR_RENEWALS = ("new_orders", "registered_domain")  # nor for those inside their ARI window


@dataclass(slots=True)
class _Bucket:
    burst: int
    window: timedelta
    tokens: float
    at: datetime

    def fill(self, now: datetime) -> float:
        gained = (now - self.at) / self.window * self.burst
        self.tokens, self.at = min(float(self.burst), self.tokens + gained), now
        return self.tokens


@dataclass(slots=True)
class Limits:
    """The buckets of one account. ``refused``: when, by which limit, for whom."""

    refused: list[tuple[datetime, str, str]] = field(default_factory=list)
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def refusal(self, domain: str, now: datetime, exempt: str) -> tuple[str, timedelta] | None:
        """The first limit without a token for an order, and the wait for one.

        ``exempt``: ``ari``, ``renewal`` or nothing.
        """
        for name in _LIMITS:
            if exempt == "ari" or (exempt == "renewal" and name in _NOT_FOR_RENEWALS):
                continue
            bucket = self._bucket(name, domain, now)
            missing = 1 - bucket.fill(now)
            if missing > 1e-6:
                self.refused.append((now, name, _holder(name, domain)))
                return name, missing / bucket.burst * bucket.window
        return None

    def draw(self, name: str, domain: str, now: datetime, exempt: str = "") -> None:
        """Take a token, whether there is one or not; exempt certificates take none, but each with
        the same names counts."""
        if exempt and name in _NOT_FOR_RENEWALS:
            return
        bucket = self._bucket(name, domain, now)
        bucket.tokens = bucket.fill(now) - 1

    def _bucket(self, name: str, domain: str, now: datetime) -> _Bucket:
        burst, window = _LIMITS[name]
        full = _Bucket(burst, window, burst, now)
        return self._buckets.setdefault((name, _holder(name, domain)), full)


def _holder(name: str, domain: str) -> str:
    return {"new_orders": "", "registered_domain": registered_domain(domain)}.get(name, domain)
