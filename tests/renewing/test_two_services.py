"""Two services on one database, killed again and again: nothing is ordered twice, nothing lost."""

import pytest

from certwatch.store import owners
from tests.renewing.place import place
from tests.renewing.siege import SERVICES, besiege

DOMAINS, KILLS = 12, 15
PATIENCE = 120  # seconds

pytestmark = pytest.mark.skipif(
    not owners.this_process(), reason="only Linux tells that a process is dead"
)


@pytest.mark.parametrize("database", ["file", "postgres"])
def test_killed_at_random_they_end_with_one_certificate_a_domain(database, request, tmp_path):
    url = request.getfixturevalue("postgres_url") if database == "postgres" else None
    with place(tmp_path, nodes=SERVICES, database=url) as here:
        here.env |= {
            "CERTWATCH_BUDGET__CERTIFICATES": str(DOMAINS + 2),  # two are kept in reserve
            "CERTWATCH_ACME__CONCURRENCY": "2",
        }
        outcome = besiege(here, domains=DOMAINS, kills=KILLS, seed=database, patience=PATIENCE)
    assert outcome.violations() == []
    assert outcome.killed.total() == KILLS
