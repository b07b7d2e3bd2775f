"""The tables. Only this room sees them.

A look that changes nothing rewrites one row of ``domain_state`` and touches nothing else; the other
tables grow only when something changes. What is still true has an open end: a finding without
``closed_at`` and a sighting without ``last_seen_at`` hold as of the domain's ``known_at``.
"""

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, Table, Text, text
from sqlmodel import Field, ForeignKey, SQLModel

from certwatch.store.engine import UtcDateTime

# One order of names on both databases; PostgreSQL's default depends on its locale.
Name = Text().with_variant(Text(collation="C"), "postgresql")


def domain_key() -> Column[str]:
    """The domain as (a part of) the key of a row that goes when the domain is removed."""
    owner = ForeignKey("tracking_domain.name", ondelete="CASCADE")
    return Column(Name, owner, primary_key=True)


def domain_reference() -> Column[str]:
    """The domain of a row that goes when it is removed."""
    return Column(Name, ForeignKey("tracking_domain.name", ondelete="CASCADE"), nullable=False)


class TrackingDomainRow(SQLModel, table=True):
    """The inventory: what is declared of a tracking domain. ``tags`` are separated by spaces."""

    __tablename__ = "tracking_domain"

    name: str = Field(sa_column=Column(Name, primary_key=True))
    provider: str | None = Field(default=None, sa_type=Text)
    mode: str | None = Field(default=None, sa_type=Text)
    edge: str | None = Field(default=None, sa_type=Text)
    origin: str | None = Field(default=None, sa_type=Text)
    cname: str | None = Field(default=None, sa_type=Text)
    owner: str | None = Field(default=None, sa_type=Text)
    tags: str = Field(default="", sa_type=Text)
    sample_link: str | None = Field(default=None, sa_type=Text)
    added_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class DomainStateRow(SQLModel, table=True):
    """The latest look at a domain, whole, and where the domain stands.

    ``state`` and ``since`` are of the last look that saw the domain, which was at ``known_at``;
    they outlive looks that our own side spoiled, of which ``unknown_since`` tells. ``target`` is
    the last CNAME target, ``leaf`` and ``not_after`` are of the first served certificate.
    """

    __tablename__ = "domain_state"

    domain: str = Field(sa_column=domain_key())
    observed_at: datetime = Field(sa_type=UtcDateTime)
    sweep: int  # which may have been pruned
    state: str | None = Field(default=None, sa_type=Text)
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    known_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    unknown_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    provider: str | None = Field(default=None, sa_type=Text)
    mode: str | None = Field(default=None, sa_type=Text)
    edge: str | None = Field(default=None, sa_type=Text)
    target: str | None = Field(default=None, sa_type=Text)
    leaf: str | None = Field(default=None, sa_type=Text)
    not_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
    look: bytes = Field(sa_type=LargeBinary)


class CertificateRow(SQLModel, table=True):
    """A certificate, once however many domains serve it. ``parsed`` spares parsing its DER."""

    __tablename__ = "certificate"

    fingerprint: str = Field(sa_column=Column(Text, primary_key=True))
    not_after: datetime = Field(sa_type=UtcDateTime)
    der: bytes = Field(sa_type=LargeBinary)
    parsed: bytes = Field(sa_type=LargeBinary)


class SightingRow(SQLModel, table=True):
    """A leaf that a domain serves (``last_seen_at`` is NULL) or has served."""

    __tablename__ = "sighting"
    __table_args__ = (
        Index("sighting_certificate", "fingerprint"),
        {"sqlite_with_rowid": False},  # its key is nearly the whole row
    )

    domain: str = Field(sa_column=domain_key())
    fingerprint: str = Field(
        sa_column=Column(Text, ForeignKey("certificate.fingerprint"), primary_key=True)
    )
    first_seen_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


_OPEN = text("closed_at IS NULL")


class FindingRow(SQLModel, table=True):
    """A finding, open or past. ``detail`` is the JSON of summary, remedy and facts."""

    __tablename__ = "finding"
    __table_args__ = (
        Index(
            "finding_open",
            "domain",
            "code",
            "number",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("finding_closed", "closed_at"),
        Index("finding_domain", "domain"),
    )

    id: int | None = Field(default=None, primary_key=True)
    domain: str = Field(sa_column=domain_reference())
    code: str = Field(sa_type=Text)
    number: int  # of the findings of one code that one look has
    severity: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StateChangeRow(SQLModel, table=True):
    """A domain that went from one known state to another."""

    __tablename__ = "state_change"
    __table_args__ = (Index("state_change_at", "at"), Index("state_change_domain", "domain"))

    id: int | None = Field(default=None, primary_key=True)
    domain: str = Field(sa_column=domain_reference())
    at: datetime = Field(sa_type=UtcDateTime)
    before: str = Field(sa_type=Text)
    after: str = Field(sa_type=Text)


class SweepRow(SQLModel, table=True):
    """One sweep; ``finished_at`` is NULL when it was killed, states and findings are JSON."""

    __tablename__ = "sweep"

    id: int | None = Field(default=None, primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    domains: int
    states: str = Field(default="{}", sa_type=Text)
    findings: str = Field(default="[]", sa_type=Text)


METADATA = SQLModel.metadata


def table(row: type[SQLModel]) -> Table:
    """The table of a row class."""
    return METADATA.tables[str(row.__tablename__)]


domains = table(TrackingDomainRow)
states = table(DomainStateRow)
certificates = table(CertificateRow)
sightings = table(SightingRow)
findings = table(FindingRow)
state_changes = table(StateChangeRow)
sweeps = table(SweepRow)
