"""The truth as rows: the inventory, the latest look at each domain, and what changed.

``open_store`` gives the ``Store`` of ``certwatch.ports`` on SQLite or PostgreSQL. Tables stop here:
values of ``certwatch.core.model`` go in and come out.
"""

from certwatch.store.schema import backup_database, check_database, upgrade_database
from certwatch.store.sql import SqlStore, open_store

__all__ = ["SqlStore", "backup_database", "check_database", "open_store", "upgrade_database"]
