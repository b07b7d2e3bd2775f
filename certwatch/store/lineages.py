"""The certificates that we issued: the newest of each domain, and those before it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from certwatch.core.renewal import Ari, Lineage, Renewal, Step
from certwatch.errors import LostClaim
from certwatch.store import ledger, queue
from certwatch.store.codec import open_certificate
from certwatch.store.inventory import CHUNK
from certwatch.store.looks import save_certificates, storable
from certwatch.store.renewal_tables import lineages
from certwatch.store.tables import certificates, domains


def issued(
    connection: Connection,
    rules: ledger.Rules,
    renewal: Renewal,
    lineage: Lineage,
    apex: str,
    now: datetime,
) -> Renewal:
    """Store a certificate as its domain's newest and settle its place; once, however often."""
    ledger.lock(connection, renewal.directory)
    _hold(connection, renewal.domain)
    row = queue.write(connection, renewal, fence=renewal.fence)  # nothing but the claim's check
    if row.step in queue.ISSUED:
        return queue.to_renewal(row)
    _keep(connection, lineage, now)
    ledger.charge(connection, rules, row, "issue", apex, now)
    ledger.commit(connection, renewal.id, now)
    row = queue.write(connection, renewal, step=Step.ISSUED.value, chain=lineage.chain)
    return queue.to_renewal(row)


def _hold(connection: Connection, domain: str) -> None:
    """Keep a domain from being removed, and certificates from being pruned, until the end."""
    query = select(domains.c.name).where(domains.c.name == domain)
    if connection.scalar(query.with_for_update(read=True, key_share=True)) is None:
        raise LostClaim(f"{domain} was removed from the inventory while its certificate was issued")


def _keep(connection: Connection, lineage: Lineage, now: datetime) -> None:
    leaf = lineage.certificate
    mine = lineages.c.domain == lineage.domain
    known = select(lineages.c.domain).where(mine, lineages.c.fingerprint == leaf.fingerprint)
    if connection.scalar(known) is not None:
        return
    save_certificates(connection, {leaf.fingerprint: leaf})
    newest = update(lineages).where(mine, lineages.c.replaced_at.is_(None))
    connection.execute(newest.values(replaced_at=now))
    row = {
        "domain": lineage.domain,
        "fingerprint": leaf.fingerprint,
        "directory": lineage.directory,
        "chain": lineage.chain,
        "issued_at": lineage.issued_at,
        "confirmed_at": lineage.confirmed_at,
        "ari_id": lineage.ari_id,
        **(_ari_columns(lineage.ari) if lineage.ari else {}),
    }
    connection.execute(insert(lineages), row)


def _ari_columns(ari: Ari) -> dict[str, Any]:
    return {
        "start_at": ari.start_at,
        "end_at": ari.end_at,
        "selected_at": ari.selected_at,
        "next_poll_at": ari.next_poll_at,
        "explanation_url": storable(ari.explanation_url),
    }


def keep_ari(connection: Connection, domain: str, ari_id: str, ari: Ari) -> None:
    """Keep what the CA suggests for that certificate, if it is still the newest."""
    newest = update(lineages).where(
        lineages.c.domain == domain,
        lineages.c.ari_id == ari_id,
        lineages.c.replaced_at.is_(None),
    )
    connection.execute(newest.values(_ari_columns(ari)))


def page(connection: Connection, names: Sequence[str] | None, *, after: str = "") -> list[Lineage]:
    """The newest certificates of the next domains behind a name, in name order."""
    query = (
        select(lineages, certificates.c.parsed, certificates.c.der)
        .join_from(lineages, certificates, certificates.c.fingerprint == lineages.c.fingerprint)
        .where(lineages.c.replaced_at.is_(None), lineages.c.domain > after)
        .order_by(lineages.c.domain)
        .limit(CHUNK)
    )
    if names is not None:
        query = query.where(lineages.c.domain.in_(names))
    return [_lineage(row) for row in connection.execute(query)]


def _lineage(row: Row[Any]) -> Lineage:
    return Lineage(
        domain=row.domain,
        directory=row.directory,
        certificate=open_certificate(row.parsed, row.der),
        chain=row.chain,
        issued_at=row.issued_at,
        ari_id=row.ari_id,
        ari=_ari(row) if row.selected_at else None,
        confirmed_at=row.confirmed_at,
    )


def _ari(row: Row[Any]) -> Ari:
    return Ari(
        start_at=row.start_at,
        end_at=row.end_at,
        selected_at=row.selected_at,
        next_poll_at=row.next_poll_at,
        explanation_url=row.explanation_url,
    )
