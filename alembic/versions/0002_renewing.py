"""Renewing: the queue, the ledger, our certificates, challenges, accounts and the breaker."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    _queue()
    _ledger()
    _lineages()
    op.create_table(
        "challenge",
        sa.Column("token", sa.Text(), primary_key=True),
        sa.Column("domain", Name, nullable=False),
        sa.Column("key_authorization", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_index("challenge_expires", "challenge", ["expires_at"])
    op.create_table(
        "pause",
        sa.Column("cause", sa.Text(), primary_key=True),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("paused_until", Instant),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_table(
        "cause_failure",
        sa.Column("cause", sa.Text(), primary_key=True),
        sa.Column("domain", Name, primary_key=True),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_index("cause_failure_at", "cause_failure", ["at"])


def _queue() -> None:
    op.create_table(
        "renewal",
        sa.Column("id", sa.Integer(), primary_key=True),
        _domain(nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("deadline_at", Instant),
        sa.Column("done_at", Instant),
        sa.Column("replaces", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", Instant),
        sa.Column("owner", sa.Text()),
        sa.Column("order_url", sa.Text()),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("chain", sa.Text()),
        sa.Column("setback", sa.Text()),
        sqlite_autoincrement=True,
    )
    _partial_index("renewal_open", "renewal", "domain", "step <> 'done'", unique=True)
    op.create_index("renewal_done", "renewal", ["done_at"])
    op.create_index("renewal_domain", "renewal", ["domain"])


def _ledger() -> None:
    op.create_table(
        "spend",
        sa.Column("renewal", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("domain", Name, nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_free", sa.Boolean(), nullable=False),
        sa.Column("exempt", sa.Text(), nullable=False),
    )
    op.create_index("spend_at", "spend", ["directory", "at"])
    _partial_index("spend_reserved", "spend", "directory", "state = 'reserved'")
    op.create_table(
        "arrival",
        sa.Column("directory", sa.Text(), primary_key=True),
        sa.Column("bucket", sa.Text(), primary_key=True),
        sa.Column("holder", Name, primary_key=True),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "directory",
        sa.Column("url", sa.Text(), primary_key=True),
        sa.Column("account_url", sa.Text()),
        sa.Column("account_key", sa.LargeBinary()),
    )


def _lineages() -> None:
    op.create_table(
        "lineage",
        _domain(primary_key=True),
        sa.Column(
            "fingerprint", sa.Text(), sa.ForeignKey("certificate.fingerprint"), primary_key=True
        ),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("issued_at", Instant, nullable=False),
        sa.Column("replaced_at", Instant),
        sa.Column("confirmed_at", Instant),
        sa.Column("ari_id", sa.Text()),
        sa.Column("start_at", Instant),
        sa.Column("end_at", Instant),
        sa.Column("selected_at", Instant),
        sa.Column("next_poll_at", Instant),
        sa.Column("explanation_url", sa.Text()),
    )
    _partial_index("lineage_newest", "lineage", "domain", "replaced_at IS NULL", unique=True)
    op.create_index("lineage_certificate", "lineage", ["fingerprint"])
    op.create_index("lineage_replaced", "lineage", ["replaced_at"])


def downgrade() -> None:
    for table in (
        "cause_failure",
        "pause",
        "challenge",
        "lineage",
        "directory",
        "arrival",
        "spend",
        "renewal",
    ):
        op.drop_table(table)


def _domain(**options: bool) -> sa.Column[str]:
    owner = sa.ForeignKey("tracking_domain.name", ondelete="CASCADE")
    return sa.Column("domain", Name, owner, **options)


def _partial_index(name: str, table: str, column: str, where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        [column],
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
