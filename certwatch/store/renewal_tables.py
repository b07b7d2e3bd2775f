"""The tables of renewing: queue, ledger, certificates of ours, challenges and accounts.

The ledger outlives the inventory: a spend names its domain and its renewal as plain values, so that
no domain that is removed makes room in the budget.
"""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from certwatch.store.engine import UtcDateTime
from certwatch.store.tables import Name, domain_key, domain_reference, table

NOT_DONE = text("step <> 'done'")  # word for word in queries too, or its index is not used
_NEWEST = text("replaced_at IS NULL")
_RESERVED = text("state = 'reserved'")


class RenewalRow(SQLModel, table=True):
    """A wish for a certificate, and how far it has come. A domain has one that is not done.

    ``setback`` is the JSON of the last failure, ``key`` the private key, sealed, ``owner`` the
    process that claimed it last. An id is never given twice: the ledger's rows go by it.
    """

    __tablename__ = "renewal"
    __table_args__ = (
        Index(
            "renewal_open", "domain", unique=True, sqlite_where=NOT_DONE, postgresql_where=NOT_DONE
        ),
        Index("renewal_done", "done_at"),
        Index("renewal_domain", "domain"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    domain: str = Field(sa_column=domain_reference())
    reason: str = Field(sa_type=Text)
    step: str = Field(sa_type=Text)
    directory: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    deadline_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    replaces: str | None = Field(default=None, sa_type=Text)
    attempts: int
    fence: int
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    owner: str | None = Field(default=None, sa_type=Text)
    order_url: str | None = Field(default=None, sa_type=Text)
    key: bytes | None = Field(default=None, sa_type=LargeBinary, repr=False)
    chain: str | None = Field(default=None, sa_type=Text)
    setback: str | None = Field(default=None, sa_type=Text)


class SpendRow(SQLModel, table=True):
    """A place of the budget: ``state`` is reserved, committed or refunded.

    ``at`` is the instant of the last claim, and of the issuance once that is committed. ``exempt``:
    the kinds of renewals that it was to the CA, separated by spaces.
    """

    __tablename__ = "spend"
    __table_args__ = (
        Index("spend_at", "directory", "at"),
        Index("spend_reserved", "directory", sqlite_where=_RESERVED, postgresql_where=_RESERVED),
    )

    renewal: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    domain: str = Field(sa_column=Column(Name, nullable=False))
    directory: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(sa_type=Text)
    is_free: bool
    exempt: str = Field(sa_type=Text)


class ArrivalRow(SQLModel, table=True):
    """The theoretical arrival time of one of the CA's limits, for one of its holders: the account
    (empty), a registered domain or a name."""

    __tablename__ = "arrival"

    directory: str = Field(sa_column=Column(Text, primary_key=True))
    bucket: str = Field(sa_column=Column(Text, primary_key=True))
    holder: str = Field(sa_column=Column(Name, primary_key=True))
    at: datetime = Field(sa_type=UtcDateTime)


class DirectoryRow(SQLModel, table=True):
    """A CA and our account there, its key sealed. Whoever takes a place in its budget locks it."""

    __tablename__ = "directory"

    url: str = Field(sa_column=Column(Text, primary_key=True))
    account_url: str | None = Field(default=None, sa_type=Text)
    account_key: bytes | None = Field(default=None, sa_type=LargeBinary, repr=False)


class LineageRow(SQLModel, table=True):
    """A certificate that we issued; ``replaced_at`` is NULL for a domain's newest. The instants
    and the link of ARI are what the CA suggests for this one (RFC 9773)."""

    __tablename__ = "lineage"
    __table_args__ = (
        Index(
            "lineage_newest", "domain", unique=True, sqlite_where=_NEWEST, postgresql_where=_NEWEST
        ),
        Index("lineage_certificate", "fingerprint"),
        Index("lineage_replaced", "replaced_at"),
    )

    domain: str = Field(sa_column=domain_key())
    fingerprint: str = Field(
        sa_column=Column(Text, ForeignKey("certificate.fingerprint"), primary_key=True)
    )
    directory: str = Field(sa_type=Text)
    chain: str = Field(sa_type=Text)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    replaced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ari_id: str | None = Field(default=None, sa_type=Text)
    start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    selected_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_poll_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    explanation_url: str | None = Field(default=None, sa_type=Text)


class ChallengeRow(SQLModel, table=True):
    """A token that this domain answers with its key authorization (RFC 8555 section 8.3)."""

    __tablename__ = "challenge"
    __table_args__ = (Index("challenge_expires", "expires_at"),)

    token: str = Field(sa_column=Column(Text, primary_key=True))
    domain: str = Field(sa_column=Column(Name, nullable=False))
    key_authorization: str = Field(sa_type=Text)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class PauseRow(SQLModel, table=True):
    """A cause that many renewals share: how often it paused ordering, until when, and why."""

    __tablename__ = "pause"

    cause: str = Field(sa_column=Column(Text, primary_key=True))
    trips: int
    paused_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    detail: str = Field(sa_type=Text)


class CauseFailureRow(SQLModel, table=True):
    """The last failure of a domain for a shared cause."""

    __tablename__ = "cause_failure"
    __table_args__ = (Index("cause_failure_at", "at"),)

    cause: str = Field(sa_column=Column(Text, primary_key=True))
    domain: str = Field(sa_column=Column(Name, primary_key=True))
    at: datetime = Field(sa_type=UtcDateTime)


renewals = table(RenewalRow)
spends = table(SpendRow)
arrivals = table(ArrivalRow)
directories = table(DirectoryRow)
lineages = table(LineageRow)
challenges = table(ChallengeRow)
pauses = table(PauseRow)
cause_failures = table(CauseFailureRow)
