"""The inventory, the latest looks and what changed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tracking_domain",
        sa.Column("name", Name, primary_key=True),
        sa.Column("provider", sa.Text()),
        sa.Column("mode", sa.Text()),
        sa.Column("edge", sa.Text()),
        sa.Column("origin", sa.Text()),
        sa.Column("cname", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("sample_link", sa.Text()),
        sa.Column("added_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    op.create_table(
        "domain_state",
        _domain(primary_key=True),
        sa.Column("observed_at", Instant, nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text()),
        sa.Column("since", Instant),
        sa.Column("known_at", Instant),
        sa.Column("unknown_since", Instant),
        sa.Column("provider", sa.Text()),
        sa.Column("mode", sa.Text()),
        sa.Column("edge", sa.Text()),
        sa.Column("target", sa.Text()),
        sa.Column("leaf", sa.Text()),
        sa.Column("not_after", Instant),
        sa.Column("look", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "certificate",
        sa.Column("fingerprint", sa.Text(), primary_key=True),
        sa.Column("not_after", Instant, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("parsed", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "sighting",
        _domain(primary_key=True),
        sa.Column(
            "fingerprint", sa.Text(), sa.ForeignKey("certificate.fingerprint"), primary_key=True
        ),
        sa.Column("first_seen_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant),
        sqlite_with_rowid=False,
    )
    op.create_index("sighting_certificate", "sighting", ["fingerprint"])
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), primary_key=True),
        _domain(nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("closed_at", Instant),
    )
    op.create_index(
        "finding_open",
        "finding",
        ["domain", "code", "number"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("finding_closed", "finding", ["closed_at"])
    op.create_index("finding_domain", "finding", ["domain"])
    op.create_table(
        "state_change",
        sa.Column("id", sa.Integer(), primary_key=True),
        _domain(nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
    )
    op.create_index("state_change_at", "state_change", ["at"])
    op.create_index("state_change_domain", "state_change", ["domain"])
    op.create_table(
        "sweep",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("finished_at", Instant),
        sa.Column("domains", sa.Integer(), nullable=False),
        sa.Column("states", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    for table in (
        "sweep",
        "state_change",
        "finding",
        "sighting",
        "certificate",
        "domain_state",
        "tracking_domain",
    ):
        op.drop_table(table)


def _domain(**options: bool) -> sa.Column[str]:
    owner = sa.ForeignKey("tracking_domain.name", ondelete="CASCADE")
    return sa.Column("domain", Name, owner, **options)
