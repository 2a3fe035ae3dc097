"""A job's way: settled file, steps, result. Retries, reconciling and holds are decided here."""
