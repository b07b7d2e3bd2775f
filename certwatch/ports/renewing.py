"""The ports of renewing: the CA, the place where certificates go, and the store of both.

All of these are synchronous and safe to call from several threads; services call them in threads.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from certwatch.core.budget import Decision, Ledger
from certwatch.core.model import Certificate
from certwatch.core.renewal import Ari, Lineage, Renewal, Setback, Step, Wish


class OrderStatus(StrEnum):
    """RFC 8555 section 7.1.6."""

    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaChallenge:
    """The HTTP-01 challenge of an order's one authorization."""

    url: str
    token: str
    key_authorization: str
    status: str  # RFC 8555 section 7.1.6: pending, processing, valid, invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class CaOrder:
    """An order as the CA shows it now. ``challenge`` is None once its authorization is valid."""

    url: str
    status: OrderStatus
    domain: str
    challenge: CaChallenge | None = None
    retry_in: timedelta | None = None  # Retry-After of a processing order


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalInfo:
    """An answer of the renewalInfo resource (RFC 9773 section 4.2); texts are hostile."""

    start_at: datetime
    end_at: datetime
    explanation_url: str = ""
    retry_in: timedelta | None = None  # Retry-After, as sent


class Issuer(Protocol):
    """One CA directory, with one account. Every method raises RenewalError, typed by the ACME
    problem document, and takes the account's key and registration as its own affair."""

    directory: str

    def order(self, domain: str, *, replaces: str | None) -> CaOrder:
        """Make an order. ``replaces`` is left out where the CA offers no ARI, and after a 409
        ``alreadyReplaced`` the order is made again without it."""
        ...

    def unfinished(self, domain: str) -> CaOrder | None:
        """An order for exactly this name that is not over, where the CA lists an account's orders
        (RFC 8555 section 7.1.2.1): one that was made just before a crash."""
        ...

    def look(self, url: str, domain: str) -> CaOrder:
        """An order as it is now. An invalid one raises what the CA says went wrong, as final."""
        ...

    def answer(self, order: CaOrder) -> None:
        """Tell the CA that the order's challenge can be asked for."""
        ...

    def new_key(self) -> bytes:
        """A fresh private key, sealed."""
        ...

    def finalize(self, order: CaOrder, key: bytes) -> CaOrder:
        """Send the CSR of a sealed key. ``orderNotReady`` for an order that is already processing
        or valid is no error: the order is returned as it is."""
        ...

    def certificate(self, order: CaOrder, *, key: bytes | None = None) -> tuple[str, Certificate]:
        """The chain of a valid order as PEM, leaf first, and the leaf; it is for the right key
        and name, or RenewalError."""
        ...

    def renewal_info(self, ari_id: str) -> RenewalInfo | None:
        """What the CA suggests for a certificate; None where it offers no ARI."""
        ...


class Deployer(Protocol):
    """Puts a certificate where it is served from."""

    def deploy(self, domain: str, *, key: bytes, chain: str, certificate: Certificate) -> None:
        """Put a certificate and its sealed key in place, whole or not at all; putting the same one
        in place again changes nothing but runs what must follow. Raises RenewalError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """One place of the budget that is taken: reserved, or committed when the CA issued."""

    renewal: int
    domain: str
    directory: str
    at: datetime  # of the last claim; from the commitment on, that of the issuance
    committed: bool
    is_free: bool  # an ARI renewal that the operator does not count


class RenewalStore(Protocol):
    """Queue, ledger, certificates and challenges. Every method is one transaction.

    Methods that take a ``Renewal`` write under its claim and raise LostClaim when another process
    claimed it since.
    """

    def enqueue(self, wishes: Sequence[Wish], now: datetime) -> tuple[str, ...]:
        """Queue wishes; a domain with an open renewal keeps that one, unless its certificate is
        issued and nobody works on it: then that one is over. Returns the domains that were
        queued."""
        ...

    def open_renewals(self, names: Sequence[str] | None = None) -> tuple[Renewal, ...]:
        """All renewals that are not done, oldest first."""
        ...

    def reschedule(self, renewal: int, due_at: datetime, reason: str | None = None) -> None:
        """Move a renewal that waits for its time, or for that of its next attempt; one that is
        claimed is left alone."""
        ...

    def withdraw(self, domain: str) -> None:
        """Drop a domain's queued or quarantined renewal; what has a place stays."""
        ...

    def claim(
        self,
        renewal: int,
        *,
        now: datetime,
        lease_until: datetime,
        decide: Callable[[Ledger], Decision],
    ) -> Renewal | Decision | None:
        """Claim a renewal whose lease is free, and for a queued one take a place in the budget.

        ``decide`` judges the ledger of the renewal's directory as it is inside the transaction; a
        refusal is returned and changes nothing. None: it is done, gone, or somebody else's now.
        """
        ...

    def extend(self, renewal: Renewal, lease_until: datetime) -> None:
        """Keep a claim for longer."""
        ...

    def advance(
        self,
        renewal: Renewal,
        step: Step,
        *,
        order_url: str | None = None,
        key: bytes | None = None,
    ) -> Renewal:
        """Store that a step is reached, with what came of it."""
        ...

    def charge(
        self, renewal: Renewal, event: str, *, registered_domain: str, now: datetime
    ) -> None:
        """Take a token from each of the CA's limits that this event (``order``, ``issue``,
        ``failed_validation``) draws on."""
        ...

    def issued(
        self, renewal: Renewal, lineage: Lineage, *, registered_domain: str, now: datetime
    ) -> Renewal:
        """Store the certificate, make it the domain's newest, commit the place and charge the
        limits, all at once; again for the same serial changes nothing."""
        ...

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
        """Let go of a claim after a failure; so many ``attempts`` failed in a row by now.

        ``refund``: no certificate can have come of it, so the place is given back and order and key
        are forgotten. ``abandon``: one may have, and we shall never have it, so the place is spent
        and the renewal is over. Else it goes on where it was.
        """
        ...

    def release(self, renewal: Renewal, *, due_at: datetime) -> None:
        """Let go of a claim that goes on later, where it was."""
        ...

    def done(self, renewal: Renewal, now: datetime) -> None:
        """Every address serves the new certificate. Its key is forgotten here."""
        ...

    def lineages(self, names: Sequence[str] | None = None) -> Iterator[Lineage]:
        """The newest certificate of each domain that we issued for, in name order."""
        ...

    def keep_ari(self, domain: str, ari_id: str, ari: Ari) -> None:
        """Keep what the CA suggests for that certificate, if it is still the newest."""
        ...

    def spends(self, directory: str, since: datetime) -> tuple[Spend, ...]:
        """The places taken since then, oldest first; what is free of charge is marked.

        One that is still reserved is among them however old it is, and binds as if taken now.
        """
        ...

    def ledger(self, directory: str, domain: str, now: datetime) -> Ledger:
        """What ``claim`` would show its ``decide`` for a renewal of this domain."""
        ...

    def plant(self, token: str, key_authorization: str, domain: str, expires_at: datetime) -> None:
        """Make a challenge answerable, by any node."""
        ...

    def challenge(self, host: str, token: str, now: datetime) -> str | None:
        """The key authorization of a challenge that is planted for this host."""
        ...

    def uproot(self, token: str) -> None:
        """Forget a challenge."""
        ...

    def pauses(self) -> dict[str, tuple[datetime, str]]:
        """Causes for which ordering pauses: until when, and why. One whose time is over waits for
        a trial: a success closes it, a failure makes it pause for longer."""
        ...

    def note_cause(
        self, cause: str, domain: str, *, failed: bool, detail: str, now: datetime
    ) -> None:
        """Count for the breaker: a failure of a shared cause, or a success that closes it."""
        ...

    def account(self, directory: str) -> tuple[str | None, bytes] | None:
        """Our account at a CA: its URL once it is registered, and its sealed key."""
        ...

    def keep_account(self, directory: str, url: str | None, key: bytes) -> tuple[str | None, bytes]:
        """Keep an account's sealed key and, once known, its URL; returns the account that was
        there first, so that two who register at once go on with one key."""
        ...
