"""Renewals to queue, claim and bring along."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from certwatch.core.budget import GRANTED, Decision, Ledger, TokenBucket, decide
from certwatch.core.renewal import Allowance, Ari, Blame, Lineage, Reason, Renewal, Setback, Step
from certwatch.core.renewal import Wish as Wish
from certwatch.store import SqlStore
from tests.factories import NAME
from tests.store.values import HOSTILE, at, domain, leaf

CA = "https://ca.test/directory"
WEEK = timedelta(days=7)
TWENTY = Allowance(certificates=20, window=WEEK)
ORDERS = TokenBucket(
    name="new_orders",
    title="new orders",
    per="account",
    event="order",
    burst=3,
    refill=timedelta(minutes=1),
    exempt=("ari",),
    uncounted=("ari",),
)
PER_BRAND = TokenBucket(
    name="registered_domain",
    title="certificates per registered domain",
    per="registered_domain",
    event="issue",
    burst=2,
    refill=timedelta(hours=1),
)
BUCKETS = (ORDERS, PER_BRAND)


def limits(directory: str) -> Sequence[TokenBucket]:
    """The limits of the only CA that has some."""
    return BUCKETS if directory == CA else ()


def wish(name: str = NAME, **changes: Any) -> Wish:
    values = {"reason": Reason.LIFETIME, "directory": CA, "due_at": at(0)}
    return Wish(domain=name, **{**values, **changes})


def yes(_: Ledger) -> Decision:
    return GRANTED


def within(allowance: Allowance, now: datetime, **options: Any) -> Any:
    return lambda ledger: decide(ledger, allowance, (), now, **options)


def queued(store: SqlStore, name: str = NAME, **changes: Any) -> Renewal:
    """A domain, added when it is new, and its renewal."""
    if name not in {known.name for known in store.domains()}:
        store.add(domain(name), at(0))
    store.enqueue([wish(name, **changes)], at(0))
    return store.open_renewals([name])[0]


def claim(store: SqlStore, renewal: Renewal, hours: float = 0, decision: Any = yes) -> Any:
    """Claim for an hour."""
    return store.claim(renewal.id, now=at(hours), lease_until=at(hours + 1), decide=decision)


def claimed(store: SqlStore, name: str = NAME, hours: float = 0, decision: Any = yes) -> Renewal:
    """A new renewal with a place, claimed for an hour."""
    renewal = claim(store, queued(store, name), hours, decision)
    assert isinstance(renewal, Renewal), renewal
    return renewal


def lineage(name: str = NAME, number: int = 1, hours: float = 0, **changes: Any) -> Lineage:
    """What comes of a renewal; certificates of different numbers differ."""
    values = {
        "directory": CA,
        "certificate": leaf(number),
        "chain": f"chain {number}",
        "issued_at": at(hours),
        "ari_id": f"aki.{number}",
    }
    return Lineage(domain=name, **{**values, **changes})


def issue(store: SqlStore, renewal: Renewal, number: int = 1, hours: float = 0) -> Renewal:
    """Bring a claimed renewal to its certificate."""
    store.advance(renewal, Step.ORDERED, order_url="https://ca.test/order/1", key=b"sealed")
    store.advance(renewal, Step.FINALIZED)
    news = lineage(renewal.domain, number, hours)
    return store.issued(renewal, news, registered_domain="brand.test", now=at(hours))


def finish(store: SqlStore, renewal: Renewal, number: int = 1, hours: float = 0) -> None:
    """Bring a claimed renewal to its end."""
    store.done(issue(store, renewal, number, hours), at(hours))


def setback(hours: float = 0) -> Setback:
    return Setback(at=at(hours), kind="caa", blame=Blame.CUSTOMER, detail=HOSTILE, remedy="fix it")


def ari(hours: float = 0, **changes: Any) -> Ari:
    values = {
        "start_at": at(hours),
        "end_at": at(hours + 43),
        "selected_at": at(hours + 7),
        "next_poll_at": at(hours + 6),
        "explanation_url": "https://ca.test/why",
    }
    return Ari(**{**values, **changes})
