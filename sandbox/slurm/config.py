"""The texts of the configuration files: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.slurm.loopback import Host
    from sandbox.slurm.places import Places

CLUSTER = "sandbox"
PARTITION = "main"
DATABASE = "slurm_acct_db"
DEFAULT_ACCOUNT = "cloudrock"
NODES = ("n1", "n2")
CPUS_PER_NODE = 64
MEGABYTES_PER_NODE = 512_000
GPUS_PER_NODE = 8
REQUEUE_SECONDS = 10  # life of a job's credential, and how long a requeued job waits; SLURM's own is 120


@dataclass(frozen=True)
class Ports:
    """One port per daemon that listens, all on loopback."""

    slurmdbd: int
    slurmctld: int
    slurmd: tuple[int, ...]
    relay: int | None = None
    """Where clients find slurmdbd, when not at its own port."""


@dataclass(frozen=True)
class Setting:
    """All that the configuration files depend on."""

    places: Places
    ports: Ports
    host: Host
    user: str
    name: str = CLUSTER
    books: Places | None = None
    """The places of the cluster whose munge and slurmdbd it uses; None: it has its own."""

    @property
    def shared(self) -> Places:
        """Where munge and slurmdbd's database are."""
        return self.books or self.places


def slurm_conf(setting: Setting) -> str:
    """What every daemon and every client reads."""
    places, ports, host = setting.places, setting.ports, setting.host
    munge_socket = setting.shared.munge_socket
    return f"""\
ClusterName={setting.name}
SlurmctldHost={host.name}({host.address})
SlurmctldPort={ports.slurmctld}
{_communication(host)}SlurmUser={setting.user}
SlurmdUser={setting.user}
AuthType=auth/munge
AuthInfo=socket={munge_socket},cred_expire={REQUEUE_SECONDS}
CredType=cred/munge

StateSaveLocation={places.run}/state
SlurmdSpoolDir={places.run}/spool.%n
SlurmctldPidFile={places.run}/pids/slurmctld
SlurmdPidFile={places.run}/pids/slurmd.%n
SlurmctldLogFile={places.logs}/slurmctld.log
SlurmdLogFile={places.logs}/slurmd-%n.log
MailProg=/bin/true

AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={host.address}
AccountingStoragePort={ports.relay or ports.slurmdbd}
AccountingStoragePass={munge_socket}
AccountingStorageTRES=gres/gpu,gres/gpu:a100
AccountingStorageEnforce=associations,limits,qos
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none

PriorityType=priority/multifactor
PriorityDecayHalfLife=0
PriorityUsageResetPeriod=YEARLY
PriorityCalcPeriod=1
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1000

MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
ReturnToService=2
JobRequeue=1
KillWait=2

GresTypes=gpu
{_nodes(setting)}
PartitionName={PARTITION} Nodes={",".join(NODES)} Default=YES State=UP DefaultTime=60 MaxTime=INFINITE
"""


def _nodes(setting: Setting) -> str:
    return "\n".join(
        f"NodeName={name} NodeHostname={setting.host.name} NodeAddr={setting.host.address} Port={port} "
        f"CPUs={CPUS_PER_NODE} RealMemory={MEGABYTES_PER_NODE} Gres=gpu:a100:{GPUS_PER_NODE} State=UNKNOWN"
        for name, port in zip(NODES, setting.ports.slurmd, strict=True)
    )


def _communication(host: Host) -> str:
    """Bind to the address of the host's name, not to all; slurmdbd obeys too, though its manual is silent."""
    return "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny\n" if host.loopback_only else ""


def gres_conf(places: Places) -> str:
    """Plain files stand for the GPUs: slurmd logs that they are no devices, and counts them."""
    return (
        f"NodeName={','.join(NODES)} Name=gpu Type=a100 File={places.run}/gpus/gpu[0-{GPUS_PER_NODE - 1}]\n"
    )


def slurmdbd_conf(setting: Setting) -> str:
    """Slurmdbd's own file; it holds no password: the database knows its user by the socket."""
    places, host = setting.places, setting.host
    return f"""\
DbdHost={host.name}
DbdAddr={host.address}
DbdPort={setting.ports.slurmdbd}
{_communication(host)}SlurmUser={setting.user}
AuthType=auth/munge
AuthInfo=socket={places.munge_socket}
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser={setting.user}
StorageLoc={DATABASE}
PidFile={places.run}/pids/slurmdbd
LogFile={places.logs}/slurmdbd.log
DebugLevel=info
ArchiveDir={places.run}
"""


def my_cnf(setting: Setting) -> str:
    """MariaDB on a socket only, tuned for data that is thrown away.

    A starting mariadbd deletes every `#sql...` in its temporary folder, also what another one has just made
    there, which then crashes: so each has a folder of its own.
    """
    places = setting.places
    log_size = "64M" if setting.ports.relay is None else "8M"  # each quick one is a copy of a template
    return f"""\
[mariadbd]
user={setting.user}
datadir={places.database}
socket={places.database_socket}
tmpdir={places.database_temporary}
pid-file={places.run}/pids/mariadbd
skip-networking
skip-log-bin
skip-name-resolve
performance_schema=0
max_allowed_packet=64M
innodb_flush_method=nosync
innodb_flush_log_at_trx_commit=0
innodb_doublewrite=0
innodb_buffer_pool_size=512M
innodb_log_file_size={log_size}
innodb_lock_wait_timeout=900
"""
