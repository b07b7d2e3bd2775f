"""The truth as rows: the inventory, the latest look at each domain and what changed, renewals and
the ledger of the budget.

``open_store`` gives ``Store`` and ``RenewalStore`` of ``certwatch.ports`` on SQLite or PostgreSQL.
Tables stop here: values of ``certwatch.core`` go in and come out.
"""

from certwatch.store.ledger import Rules
from certwatch.store.schema import backup_database, check_database, upgrade_database
from certwatch.store.sql import SqlStore, open_store

__all__ = [
    "Rules",
    "SqlStore",
    "backup_database",
    "check_database",
    "open_store",
    "upgrade_database",
]
