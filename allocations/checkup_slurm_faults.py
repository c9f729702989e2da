"""What can be wrong with a cluster, why it matters, and what mends it."""

from __future__ import annotations

from allocations.checkup import Check, Fault, Level

OLDEST_VERSION = (22, 5)
"""What all the parsers were tried on."""

NO_COMMANDS = Fault(
    Check.COMMANDS,
    Level.ERROR,
    "commands cannot be run on this host",
    "everything that is done on the cluster is done by SLURM's commands",
    "install SLURM's client commands, or set SLURM_DEPLOYMENT_TYPE=docker and SLURM_CONTAINER_NAME",
)
CONTAINER_FAILS = Fault(
    Check.CONTAINER,
    Level.ERROR,
    "commands cannot be run in the container",
    "everything that is done on the cluster is done by SLURM's commands, which run there",
    "docker start {container}",
)
LOCAL_TIME = Fault(
    Check.TIME_ZONE,
    Level.ERROR,
    "commands do not keep to the TZ=UTC that they are given",
    "months are UTC's: days would be cut at another hour, and usage near the turn lands in the wrong month",
    "install the time zone data (Debian: apt install tzdata) where SLURM's commands run",
)
SLURMDBD_SILENT = Fault(
    Check.SLURMDBD,
    Level.ERROR,
    "slurmdbd does not answer",
    "no account can be made and no usage counted; orders wait",
    "systemctl restart slurmdbd",
)
SLURMDBD_SPARED = Fault(
    Check.SPARED,
    Level.WARNING,
    "slurmdbd was slow, and is left alone for a while: the circuit breaker is open",
    "orders and usage wait; asking on would make it slower for everybody",
    "see what keeps slurmdbd and its database busy; then cloudrock-slurm doctor --reset-breaker, or wait for "
    "the next try. If it is always so slow: raise SLURMDBD_SLOW_SECONDS",
)
SLURMDBD_SLOW = Fault(
    Check.SPARED,
    Level.WARNING,
    "slurmdbd has been slow of late",
    "it has a rest after each slow answer, and the breaker opens when it stays so slow",
    "see what keeps slurmdbd and its database busy. If it is always so slow: raise SLURMDBD_SLOW_SECONDS",
)
SLURMCTLD_SILENT = Fault(
    Check.SLURMCTLD,
    Level.ERROR,
    "slurmctld does not answer",
    "no job starts, and an allocation cannot be ended: its jobs cannot be seen",
    "systemctl restart slurmctld",
)
OLD_VERSION = Fault(
    Check.VERSION,
    Level.WARNING,
    f"SLURM is older than {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]:02}",
    "this agent was not tried on it: what its commands print may be refused",
    "upgrade SLURM, or run `cloudrock-slurm plan` and compare it with what sacctmgr shows",
)
NOT_ADMIN = Fault(
    Check.ADMIN_LEVEL,
    Level.ERROR,
    "the agent's user is neither Operator nor Administrator",
    "SLURM lets him change nothing, and hides from him what PrivateData says, without an error",
    "sacctmgr -i add user {user} account=root; sacctmgr -i modify user {user} set adminlevel=Operator",
)
RECORDS_HIDDEN = Fault(
    Check.PRIVATE_DATA,
    Level.ERROR,
    "PrivateData hides accounts, jobs, usage or users from the agent's user",
    "sacct shows fewer jobs and no error: too little would be billed",
    "sacctmgr -i add user {user} account=root; sacctmgr -i modify user {user} set adminlevel=Operator",
)
UNTRACKED = Fault(
    Check.TRES,
    Level.ERROR,
    "a component of the file is no TRES that the cluster tracks",
    "its limit is refused, so orders fail, and its usage is never recorded",
    "add {tres} to AccountingStorageTRES in slurm.conf, restart slurmctld",
)
NOT_ENFORCED = Fault(
    Check.ENFORCE,
    Level.ERROR,
    "limits are not enforced",
    "jobs run on although an allocation is used up",
    "put associations,limits,qos into AccountingStorageEnforce in slurm.conf, restart slurmctld",
)
USAGE_DECAYS = Fault(
    Check.DECAY,
    Level.WARNING,
    "usage decays",
    "GrpTRESMins is compared with the decayed usage, so customers may use more than they ordered",
    "set PriorityDecayHalfLife=0 in slurm.conf (SLURM then wants a PriorityUsageResetPeriod), "
    "then `scontrol reconfigure`",
)
USAGE_RESET = Fault(
    Check.RESET,
    Level.WARNING,
    "usage is reset more often than once a year",
    "after each reset an allocation may use its whole limit again",
    "set PriorityUsageResetPeriod=YEARLY in slurm.conf, then `scontrol reconfigure`",
)
PURGED_THIS_MONTH = Fault(
    Check.PURGE,
    Level.ERROR,
    "job records are purged before their month is over",
    "the month's usage falls while it is counted: too little is billed",
    "set PurgeJobAfter=3months or more in slurmdbd.conf, restart slurmdbd",
)
PURGED_LAST_MONTH = Fault(
    Check.PURGE,
    Level.WARNING,
    "job records are purged before the next month is over",
    "the month before cannot be counted again, so a backfill of it is refused",
    "set PurgeJobAfter=3months or more in slurmdbd.conf, restart slurmdbd",
)
SUMS_PURGED = Fault(
    Check.PURGE_SUMS,
    Level.WARNING,
    "slurmdbd's own sums are purged before their month is over",
    "what is counted cannot be compared with them, so it is not verified",
    "set PurgeUsageAfter=3months or more in slurmdbd.conf, restart slurmdbd",
)
NO_DEFAULT_ACCOUNT = Fault(
    Check.DEFAULT_ACCOUNT,
    Level.ERROR,
    "the default account is not on the cluster",
    "users get it as their default: without it nobody can be added, and no order is carried out",
    "sacctmgr -i add account name={account}",
)
UNKNOWN_USERS = Fault(
    Check.USERS,
    Level.WARNING,
    "a user of the cluster is unknown to the operating system",
    "he can run no job, and sreport leaves his usage out, so that it does not agree with the count",
    "getent passwd {user}; then mend SSSD or LDAP, or make the user",
)
RUNAWAY_JOBS = Fault(
    Check.RUNAWAY,
    Level.WARNING,
    "slurmdbd believes jobs to be running that slurmctld does not know",
    "their accounts are charged for them until somebody ends them",
    "sacctmgr show runawayjobs (it asks before it ends them; usage then falls, and is corrected)",
)
FAULTS = (
    CONTAINER_FAILS,
    NO_COMMANDS,
    LOCAL_TIME,
    SLURMDBD_SILENT,
    SLURMDBD_SPARED,
    SLURMDBD_SLOW,
    SLURMCTLD_SILENT,
    OLD_VERSION,
    NOT_ADMIN,
    RECORDS_HIDDEN,
    UNTRACKED,
    NOT_ENFORCED,
    USAGE_DECAYS,
    USAGE_RESET,
    PURGED_THIS_MONTH,
    PURGED_LAST_MONTH,
    SUMS_PURGED,
    NO_DEFAULT_ACCOUNT,
    UNKNOWN_USERS,
    RUNAWAY_JOBS,
)
