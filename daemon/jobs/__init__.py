"""The durable record: jobs, their steps, what was delivered, and which files are known."""
