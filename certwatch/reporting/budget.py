"""The budget as it stands: what is spent, what is left, when the next place frees."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from certwatch.core.budget import Ledger, TokenBucket
from certwatch.core.renewal import Allowance
from certwatch.ports import Spend


@dataclass(frozen=True, slots=True)
class Bound:
    """One of the CA's own limits that refuses now, and until when; ``domain`` is empty where it is
    the account's."""

    limit: str
    domain: str
    reason: str
    until_at: datetime | None


def find_bounds(
    buckets: Sequence[TokenBucket], ledgers: Mapping[str, Ledger], now: datetime
) -> Iterator[Bound]:
    """The limits that are used up, by the ledgers of some domains; an account's is told once."""
    for bucket in buckets:
        for domain, ledger in ledgers.items():
            decision = bucket.room(ledger.arrivals.get(bucket.name), now)
            if not decision.granted:
                shared = bucket.per == "account"
                whose = "" if shared else domain
                yield Bound(bucket.name, whose, decision.reason, decision.retry_at)
                if shared:
                    break


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The budget of one directory. ``spends`` are those that count, oldest first."""

    at: datetime
    directory: str
    allowance: Allowance
    spends: tuple[Spend, ...]
    bounds: tuple[Bound, ...] = ()

    @property
    def spent(self) -> int:
        """How many certificates the CA issued within the window."""
        return sum(spend.committed for spend in self.spends)

    @property
    def reserved(self) -> int:
        """How many places are taken by renewals under way."""
        return len(self.spends) - self.spent

    @property
    def left(self) -> int:
        """How many places are free, those included that are held for emergencies."""
        return max(0, self.allowance.certificates - len(self.spends))

    @property
    def ordinary(self) -> int:
        """How many of the free places an ordinary renewal may take."""
        return max(0, self.left - self.allowance.reserve)

    @property
    def next_free_at(self) -> datetime | None:
        """When the oldest certificate leaves the window; what is reserved frees no place yet."""
        issued = (spend.at for spend in self.spends if spend.committed)
        return min((at + self.allowance.window for at in issued), default=None)


def make_balance(
    spends: Iterable[Spend],
    *,
    at: datetime,
    directory: str,
    allowance: Allowance,
    bounds: Iterable[Bound] = (),
) -> Balance:
    """The balance by a directory's spends; those that are free, or have left the window, are left
    out. A reserved place counts until it is given back, however old it is."""
    since = at - allowance.window
    binding = [s for s in spends if not s.is_free and (s.at > since or not s.committed)]
    return Balance(
        at=at,
        directory=directory,
        allowance=allowance,
        spends=tuple(sorted(binding, key=lambda spend: spend.at)),
        bounds=tuple(bounds),
    )
