"""What can be wrong with Prefect, why it matters, and what mends it."""

from __future__ import annotations

from allocations.checkup import Check, Fault, Level

DEPLOY = "cloudrock-slurm deploy"
OWN_TMPDIR = 'mkdir --mode=0700 tmp; echo "TMPDIR=$PWD/tmp" >>.env'
"""In the site's folder; `init` does the same."""

NOT_LET_IN = Fault(
    Check.SERVER,
    Level.ERROR,
    "the server takes nobody without a name and a password",
    "no run is recorded, and neither worker nor services can work",
    "put the words of the server's PREFECT_SERVER_API_AUTH_STRING into PREFECT_API_AUTH_STRING, in .env",
)
NO_SERVER = Fault(
    Check.SERVER,
    Level.ERROR,
    "no Prefect server answers",
    "nothing is scheduled and no run is recorded",
    "set PREFECT_API_URL to a running server; `prefect server start` starts one",
)
PROXIED = Fault(
    Check.PROXY,
    Level.WARNING,
    "a proxy of the environment would be asked for the server on this host",
    "events and heartbeats of runs get lost, or nothing reaches the server at all",
    "put NO_PROXY=127.0.0.1,localhost into .env, and restart worker and services",
)
OPEN_TO_ALL = Fault(
    Check.ENTRY,
    Level.WARNING,
    "the server takes everybody who reaches it",
    "everybody with an account on this host can run any program as the agent's user, who holds the token",
    "put the same words, such as cloudrock:a-long-password, into PREFECT_SERVER_API_AUTH_STRING and "
    "PREFECT_API_AUTH_STRING, in .env, and restart server, worker and services",
)
OTHER_VERSION = Fault(
    Check.SERVER,
    Level.WARNING,
    "the server is of another minor version than this environment",
    "a client and a server of different versions misunderstand each other in small ways",
    "start the server from this environment: prefect server start",
)
IN_MEMORY = Fault(
    Check.DATABASE,
    Level.WARNING,
    "the server keeps its database in memory",
    "runs, schedules and deployments are gone when it stops",
    "set PREFECT_SERVER_DATABASE_CONNECTION_URL to a PostgreSQL address, or unset it, and restart the server",
)
NO_POOL = Fault(
    Check.POOL,
    Level.ERROR,
    "the work pool is not there",
    "deployments have nowhere to run",
    DEPLOY,
)
POOL_PAUSED = Fault(
    Check.POOL,
    Level.WARNING,
    "the work pool is paused",
    "its runs wait until somebody resumes it",
    "prefect work-pool resume {pool}",
)
NO_WORKER = Fault(
    Check.WORKER,
    Level.ERROR,
    "no worker of the pool is alive",
    "scheduled runs become late and nothing runs",
    "prefect worker start --pool {pool}",
)
NONE_CAN_START = Fault(
    Check.WORKER,
    Level.ERROR,
    "nothing runs the flows, and nothing can start: Prefect's temporary folder is another user's",
    "scheduled runs become late and nothing runs",
    f"in the site's folder {OWN_TMPDIR}, then start it as before",
)
NOT_SERVED = Fault(
    Check.WORKER,
    Level.ERROR,
    "the side that CLOUDROCK_SYNC_DIRECTION names is not served",
    "its flow does not run",
    "python3 -m cloudrock_slurm.main",
)
NOT_DEPLOYED = Fault(
    Check.DEPLOYMENTS,
    Level.ERROR,
    "a deployment of prefect.yaml is not on the server",
    "what it should do is not done",
    DEPLOY,
)
DEPLOYED_OTHERWISE = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment is otherwise on the server than in prefect.yaml",
    "it was changed in the UI, or the file after the last deploy: what runs is not what the file says",
    DEPLOY,
)
NOT_IN_THE_FILE = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment of ours is on the server and not in prefect.yaml",
    "its schedule still runs, beside what the file says",
    "look at {deployment} in the Prefect UI, and delete it there if nobody wants it",
)
DEPLOYMENT_PAUSED = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment is paused",
    "its schedule makes no runs",
    "resume {deployment} in the Prefect UI",
)
NOT_IN_TIME = Fault(
    Check.SCHEDULES,
    Level.ERROR,
    "the next run of a deployment is later than its schedule says",
    "this machine's clock was set back: Prefect makes no run before the old time has come again, so no order "
    "is carried out and no usage told",
    "systemctl restart cloudrock-slurm-prefect; cloudrock-slurm deploy; restart a side that serves itself",
)
AUTOMATIONS_OTHERWISE = Fault(
    Check.AUTOMATIONS,
    Level.WARNING,
    "the automations on the server are not those of deployments/automations.yaml",
    "a run that was killed holds its place for ever, and nobody hears of failures",
    DEPLOY,
)
FAULTS = (
    NOT_LET_IN,
    NO_SERVER,
    PROXIED,
    OPEN_TO_ALL,
    OTHER_VERSION,
    IN_MEMORY,
    NO_POOL,
    POOL_PAUSED,
    NO_WORKER,
    NONE_CAN_START,
    NOT_SERVED,
    NOT_DEPLOYED,
    DEPLOYED_OTHERWISE,
    NOT_IN_THE_FILE,
    DEPLOYMENT_PAUSED,
    NOT_IN_TIME,
    AUTOMATIONS_OTHERWISE,
)
