"""HTTP-01 challenges that are planted, so that any node can answer them."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from certwatch.store.changes import upsert
from certwatch.store.looks import storable
from certwatch.store.renewal_tables import challenges


def plant(
    connection: Connection, token: str, key_authorization: str, domain: str, expires_at: datetime
) -> None:
    """Make a challenge answerable until it expires."""
    values = {
        "domain": domain.lower(),
        "key_authorization": key_authorization,
        "expires_at": expires_at,
    }
    again = upsert(connection, challenges).on_conflict_do_update(
        index_elements=["token"], set_=values
    )
    connection.execute(again, {"token": token, **values})


def find(connection: Connection, host: str, token: str, now: datetime) -> str | None:
    """The key authorization that is planted for this host."""
    query = select(challenges.c.key_authorization).where(
        challenges.c.token == storable(token),
        challenges.c.domain == storable(host).lower(),
        challenges.c.expires_at > now,
    )
    return connection.scalar(query)


def uproot(connection: Connection, token: str) -> None:
    """Forget a challenge."""
    connection.execute(delete(challenges).where(challenges.c.token == token))
