"""What runs, in which order, with which retries. Prefect lives here only."""
