"""Something real to run against: a one-host SLURM cluster and a stand-in for the marketplace."""
