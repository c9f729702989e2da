"""What can go wrong without a bug. No Prefect here: the command line reads it too."""

from __future__ import annotations

from allocations.errors import RuleError
from cloudrock_io.errors import CloudrockError, CloudrockUnavailable
from flows.settings import SettingsError
from slurm_io.errors import SlurmError, SlurmUnavailable

EXPECTED = (SettingsError, RuleError, SlurmError, CloudrockError)
"""What can go wrong without a bug: each message says what and what to do."""

MAY_PASS = (SlurmUnavailable, CloudrockUnavailable)
"""What is worth another try, now or at the next run."""
