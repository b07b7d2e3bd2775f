"""Saving a batch of looks: the latest replaces the one before, and what changed is noted.

Two sweeps may save the same domains at once. The inventory's rows are locked first (on SQLite the
one writer holds everything), so whoever comes second sees what the first has written, and a look
that is older than the stored one is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy import bindparam as bind

from certwatch.core.model import Certificate, Judged
from certwatch.store.changes import (
    Step,
    many,
    save_changes,
    save_findings,
    save_sightings,
    upsert,
)
from certwatch.store.codec import Look, pack_certificate, pack_look
from certwatch.store.inventory import chunks
from certwatch.store.tables import certificates, domains, states


def save(connection: Connection, sweep: int, looks: Iterable[Judged]) -> None:
    """Store the looks that are newer than what is there; domains removed meanwhile are left out."""
    for chunk in chunks(looks):
        steps = _news(connection, chunk)
        _save_states(connection, sweep, steps)
        known = [step for step in steps if step.known]
        save_changes(connection, known)
        save_findings(connection, known)
        save_sightings(connection, known)


def _news(connection: Connection, looks: Sequence[Judged]) -> list[Step]:
    by_time = sorted(looks, key=lambda look: look.observation.observed_at)
    newest = {look.domain.name: look for look in by_time}
    locked = select(domains.c.name).where(domains.c.name.in_(newest)).order_by(domains.c.name)
    names = connection.scalars(locked.with_for_update(key_share=True)).all()
    columns = [column for column in states.c if column is not states.c.look]
    query = select(*columns).where(states.c.domain.in_(names))
    before = {row.domain: row for row in connection.execute(query)}
    steps = [Step(newest[name], before.get(name)) for name in names]
    return [s for s in steps if s.before is None or s.before.observed_at < s.at]


def _save_states(connection: Connection, sweep: int, steps: Sequence[Step]) -> None:
    needed: dict[str, Certificate] = {}
    rows = []
    for step in steps:
        data, used = pack_look(Look(step.look.observation, step.look.findings))
        needed |= used
        rows.append({"key": step.domain, "sweep": sweep, "look": data, **_state(step)})
    save_certificates(connection, needed)
    old = {step.domain for step in steps if step.before}
    by_key = update(states).where(states.c.domain == bind("key"))
    many(connection, by_key, [row for row in rows if row["key"] in old])
    fresh = [row | {"domain": row["key"]} for row in rows if row["key"] not in old]
    many(connection, insert(states), fresh)


def _state(step: Step) -> dict[str, Any]:
    """The columns of ``domain_state`` but the key, the sweep and the look itself."""
    return {
        "observed_at": step.at,
        "provider": step.look.provider,
        "mode": step.look.mode,
        "edge": step.look.edge,
        **(_seen(step) if step.known else _unseen(step)),
    }


def _seen(step: Step) -> dict[str, Any]:
    observation, before, state = step.look.observation, step.before, step.look.state.value
    chain, leaf = observation.dns.cname_chain, observation.leaf
    return {
        "state": state,
        "since": before.since if before and before.state == state else step.at,
        "known_at": step.at,
        "unknown_since": None,
        "target": storable(chain[-1]) if chain else None,
        "leaf": leaf.fingerprint if leaf else None,
        "not_after": leaf.not_after if leaf else None,
    }


def _unseen(step: Step) -> dict[str, Any]:
    before = step.before._mapping if step.before else {}
    kept = ("state", "since", "known_at", "target", "leaf", "not_after")
    since = before.get("unknown_since") or step.at
    return {name: before.get(name) for name in kept} | {"unknown_since": since}


def storable(text: str) -> str:
    """Text that any database takes: no NUL, no lone surrogate."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def save_certificates(connection: Connection, needed: Mapping[str, Certificate]) -> None:
    """Store the certificates, by fingerprint, that are not there yet."""
    for chunk in chunks(sorted(needed)):
        query = select(certificates.c.fingerprint).where(certificates.c.fingerprint.in_(chunk))
        missing = sorted(set(chunk) - set(connection.scalars(query)))
        rows = [
            {
                "fingerprint": fingerprint,
                "not_after": needed[fingerprint].not_after,
                "der": needed[fingerprint].der,
                "parsed": pack_certificate(needed[fingerprint]),
            }
            for fingerprint in missing
        ]
        many(connection, upsert(connection, certificates).on_conflict_do_nothing(), rows)
