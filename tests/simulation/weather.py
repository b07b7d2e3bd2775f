"""What goes wrong on which day: drawn from the seed alone, so that any question has one answer."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from random import Random

CUSTOMER = ("connection", "dns", "caa", "unauthorized")  # of one domain, on its customer's side
CA = ("rateLimited", "serverInternal")  # of one domain, on the CA's side
OUTAGE = "down"  # the CA, for all
HOOK = "deploy"  # of one domain, on our side


@dataclass(frozen=True, slots=True)
class Weather:
    """``rate``: how likely each kind of failure is on any one day, for each domain by itself."""

    seed: int = 0
    rate: float = 0.0

    def strikes(self, kind: str, name: str, now: datetime) -> bool:
        """Whether that goes wrong now: for some hours of a day that was drawn."""
        if not self.rate:
            return False
        chance, begins, lasts = _draws(f"{self.seed} {kind} {name} {now:%Y%m%d}")
        hour = now.hour + now.minute / 60
        return chance < self.rate and begins * 24 <= hour < begins * 24 + 1 + lasts * 12

    def customer_fault(self, name: str, now: datetime) -> str | None:
        """What the customer's side of a domain does wrong now."""
        return next((kind for kind in CUSTOMER if self.strikes(kind, name, now)), None)

    def is_seen_by_us(self, name: str, now: datetime) -> bool:
        """Whether our precheck sees today's fault too; else only the CA does, from elsewhere."""
        return _draws(f"{self.seed} seen {name} {now:%Y%m%d}")[0] < 0.5


CALM = Weather()


@lru_cache(maxsize=100_000)
def _draws(text: str) -> tuple[float, float, float]:
    random = Random(text)
    return random.random(), random.random(), random.random()
