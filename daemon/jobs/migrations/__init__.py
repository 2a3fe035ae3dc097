"""The database's history. Alembic runs it when the file is older than the program."""
