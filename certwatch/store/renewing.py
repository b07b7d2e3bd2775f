"""``SqlRenewals``: the ``RenewalStore`` of ``certwatch.ports``, as a part of ``SqlStore``."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Engine

from certwatch.core.budget import Decision, Ledger
from certwatch.core.renewal import Ari, Lineage, Renewal, Setback, Step, Wish
from certwatch.ports import Spend
from certwatch.store import accounts, breakers, challenges, lineages, queue
from certwatch.store import ledger as books
from certwatch.store.engine import reading, writing
from certwatch.store.inventory import chunks
from certwatch.store.ledger import Rules
from certwatch.store.looks import storable


class SqlRenewals:
    """Queue, ledger, certificates of ours, challenges and accounts. Every method is one
    transaction; those that write under a claim raise LostClaim."""

    _engine: Engine
    _rules: Rules

    def enqueue(self, wishes: Sequence[Wish], now: datetime) -> tuple[str, ...]:
        """Queue wishes; a domain with an open renewal keeps that one, one that is not in the
        inventory gets none. Returns the domains that were queued."""
        with writing(self._engine) as connection:
            queued = queue.enqueue(connection, wishes, now)
        return tuple(dict.fromkeys(wish.domain for wish in wishes if wish.domain in queued))

    def open_renewals(self, names: Sequence[str] | None = None) -> tuple[Renewal, ...]:
        """All renewals that are not done, oldest first."""
        with reading(self._engine) as connection:
            return tuple(queue.not_done(connection, names))

    def reschedule(self, renewal: int, due_at: datetime, reason: str | None = None) -> None:
        """Move a renewal that waits for its time; one that is claimed is left alone."""
        with writing(self._engine) as connection:
            queue.reschedule(connection, renewal, due_at, reason)

    def withdraw(self, domain: str) -> None:
        """Drop a domain's queued or quarantined renewal; what has a place stays."""
        with writing(self._engine) as connection:
            queue.withdraw(connection, domain)

    def claim(
        self,
        renewal: int,
        *,
        now: datetime,
        lease_until: datetime,
        decide: Callable[[Ledger], Decision],
    ) -> Renewal | Decision | None:
        """Claim a renewal that is due and whose lease is free, with a place in the budget.

        ``decide`` judges the ledger inside the transaction, for a queued one only; a refusal is
        returned and changes nothing. None: it is not to be had.
        """
        with writing(self._engine) as connection:
            return queue.claim(connection, self._rules, renewal, now, lease_until, decide)

    def extend(self, renewal: Renewal, lease_until: datetime) -> None:
        """Keep a claim for longer."""
        with writing(self._engine) as connection:
            queue.write(connection, renewal, lease_until=lease_until)

    def advance(
        self,
        renewal: Renewal,
        step: Step,
        *,
        order_url: str | None = None,
        key: bytes | None = None,
    ) -> Renewal:
        """Store that a step is reached, with what came of it."""
        given = {"order_url": storable(order_url) if order_url else None, "key": key}
        news = {name: value for name, value in given.items() if value is not None}
        with writing(self._engine) as connection:
            row = queue.write(connection, renewal, step=step.value, **news)
            return queue.to_renewal(row)

    def charge(
        self, renewal: Renewal, event: str, *, registered_domain: str, now: datetime
    ) -> None:
        """Take a token from each of the CA's limits that this event draws on."""
        with writing(self._engine) as connection:
            books.lock(connection, renewal.directory)
            row = queue.write(connection, renewal, fence=renewal.fence)
            books.charge(connection, self._rules, row, event, registered_domain, now)

    def issued(
        self, renewal: Renewal, lineage: Lineage, *, registered_domain: str, now: datetime
    ) -> Renewal:
        """Store the certificate, make it the domain's newest, commit the place and charge the
        limits, all at once; again changes nothing."""
        with writing(self._engine) as connection:
            return lineages.issued(
                connection, self._rules, renewal, lineage, registered_domain, now
            )

    def fail(
        self,
        renewal: Renewal,
        setback: Setback,
        *,
        due_at: datetime,
        attempts: int = 1,
        refund: bool,
        quarantine: bool = False,
        abandon: bool = False,
    ) -> Renewal:
        """Let go of a claim after a failure; ``refund`` only where no certificate can come of it
        (once it is issued, none is refunded)."""
        with writing(self._engine) as connection:
            return queue.fail(
                connection,
                renewal,
                setback,
                due_at=due_at,
                attempts=attempts,
                refund=refund,
                quarantine=quarantine,
                abandon=abandon,
            )

    def release(self, renewal: Renewal, *, due_at: datetime) -> None:
        """Let go of a claim that goes on later, where it was."""
        with writing(self._engine) as connection:
            queue.write(connection, renewal, due_at=due_at, lease_until=None)

    def done(self, renewal: Renewal, now: datetime) -> None:
        """Every address serves the new certificate. Its key is forgotten here."""
        with writing(self._engine) as connection:
            queue.done(connection, renewal, now)

    def lineages(self, names: Sequence[str] | None = None) -> Iterator[Lineage]:
        """The newest certificate of each domain that we issued for, in name order, streamed."""
        if names is not None:
            for chunk in chunks(sorted(set(names))):
                yield from self._lineages(chunk)
            return
        after = ""
        while found := self._lineages(None, after):
            yield from found
            after = found[-1].domain

    def _lineages(self, names: Sequence[str] | None, after: str = "") -> list[Lineage]:
        with reading(self._engine) as connection:
            return lineages.page(connection, names, after=after)

    def keep_ari(self, domain: str, ari_id: str, ari: Ari) -> None:
        """Keep what the CA suggests for that certificate, if it is still the newest."""
        with writing(self._engine) as connection:
            lineages.keep_ari(connection, domain, ari_id, ari)

    def spends(self, directory: str, since: datetime) -> tuple[Spend, ...]:
        """The places taken since then, and those still reserved, oldest first."""
        with reading(self._engine) as connection:
            return books.since(connection, directory, since)

    def ledger(self, directory: str, domain: str, now: datetime) -> Ledger:
        """What ``claim`` would show its ``decide`` for a renewal of this domain."""
        with reading(self._engine) as connection:
            return books.read(connection, self._rules, directory, domain, now)

    def plant(self, token: str, key_authorization: str, domain: str, expires_at: datetime) -> None:
        """Make a challenge answerable, by any node."""
        with writing(self._engine) as connection:
            challenges.plant(connection, token, key_authorization, domain, expires_at)

    def challenge(self, host: str, token: str, now: datetime) -> str | None:
        """The key authorization of a challenge that is planted for this host."""
        with reading(self._engine) as connection:
            return challenges.find(connection, host, token, now)

    def uproot(self, token: str) -> None:
        """Forget a challenge."""
        with writing(self._engine) as connection:
            challenges.uproot(connection, token)

    def pauses(self) -> dict[str, tuple[datetime, str]]:
        """Causes that paused ordering and did not succeed since: until when, and why."""
        with reading(self._engine) as connection:
            return breakers.pauses(connection)

    def note_cause(
        self, cause: str, domain: str, *, failed: bool, detail: str, now: datetime
    ) -> None:
        """Count for the breaker: a failure of a shared cause, or a success that closes it."""
        with writing(self._engine) as connection:
            if failed:
                breakers.note_failure(connection, cause, domain, detail, now)
            else:
                breakers.note_success(connection, cause)

    def account(self, directory: str) -> tuple[str | None, bytes] | None:
        """Our account at a CA: its URL once it is registered, and its sealed key."""
        with reading(self._engine) as connection:
            return accounts.find(connection, directory)

    def keep_account(self, directory: str, url: str | None, key: bytes) -> tuple[str | None, bytes]:
        """Keep an account and, once known, its URL; returns the one that was there first."""
        with writing(self._engine) as connection:
            return accounts.keep(connection, directory, url, key)
