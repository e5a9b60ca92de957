"""Postgres: the pool, SQL files, migrations, the change feed, and an embedded server for those who have none."""
