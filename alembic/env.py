"""Runs the migrations on the connection that the caller has opened."""

from alembic import context

from certwatch.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
