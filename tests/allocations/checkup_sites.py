"""A healthy site as a checkup learns of it; the tests make it ill in one place."""

from __future__ import annotations

from allocations.accounts import ROOT, AccountName, UserName
from allocations.checkup_marketplace import MarketplaceFacts
from allocations.checkup_prefect import PrefectFacts
from allocations.checkup_slurm import Pace, SlurmFacts
from allocations.components import parse_components
from allocations.marketplace import BillingType, OfferedPlan, Offering, OfferingComponent, TokenOwner
from allocations.model import Account, Association, ClusterState

COMPONENTS = parse_components(
    "cpu: {limit: 1, measured_unit: hours, accounting_type: usage, label: CPU}\n"
    "gres/gpu: {limit: 1, measured_unit: hours, accounting_type: limit, label: GPU}\n",
    "f",
)
PROVIDER = "2" * 32
OWNER = TokenOwner(
    uuid="0" * 32, username="olga", is_staff=None, token_lifetime_seconds=None, roles={PROVIDER: "owner"}
)
PLAN = OfferedPlan(name="Standard", in_use=True, priced=frozenset(COMPONENTS))
OFFERING = Offering(
    uuid="1" * 32,
    name="Cluster",
    type="Marketplace.Slurm",
    state="Active",
    customer_uuid=PROVIDER,
    components=tuple(
        OfferingComponent(
            type=kind,
            name=one.label,
            measured_unit=one.measured_unit,
            billing_type=BillingType(one.accounting_type.value),
            fields={
                "name": one.label,
                "measured_unit": one.measured_unit,
                "billing_type": one.accounting_type.value,
            },
        )
        for kind, one in COMPONENTS.items()
    ),
    plans=(PLAN,),
)
MARKETPLACE = MarketplaceFacts(
    url="https://cloudrock.example.com/api/",
    owner=OWNER,
    offering=OFFERING,
    skew_seconds=0.4,
    needs_staff=False,
    components=COMPONENTS,
)
DEFAULT = AccountName("cloudrock")
CONTROLLER = {
    "ClusterName": "sandbox",
    "SLURM_VERSION": "22.05.8",
    "SlurmUser": "slurm(64030)",
    "AccountingStorageTRES": "cpu,mem,gres/gpu",
    "AccountingStorageEnforce": "associations,limits,qos",
    "PriorityDecayHalfLife": "00:00:00",
    "PriorityUsageResetPeriod": "YEARLY",
    "PrivateData": "none",
}
BOOKS = {"SLURMDBD_VERSION": "22.05.8", "PrivateData": "none"}
PACE = Pace(trouble="", is_open=False, under_way=(), most=2)
SLURM = SlurmFacts(
    container=None,
    user="agent",
    utc_offset="+0000",
    pace=PACE,
    controller=CONTROLLER,
    books=BOOKS,
    retention=None,
    sums_retention=None,
    admin_level="Operator",
    state=ClusterState(
        {ROOT: Account(ROOT, None), DEFAULT: Account(DEFAULT, ROOT)},
        frozenset({Association(DEFAULT, UserName("ada"))}),
    ),
    unknown_users=frozenset(),
    runaways=frozenset(),
    default_account="cloudrock",
    components=COMPONENTS,
)
DECLARED = {
    "name": "hourly",
    "entrypoint": "flows.push.push_usage",
    "description": "Reports.",
    "tags": ["push"],
    "parameters": {},
    "enforce_parameter_schema": True,
    "work_pool": {"name": "headnode"},
    "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE", "grace_period_seconds": 600},
    "schedules": [{"cron": "15 * * * *", "slug": "hourly", "active": True}],
}
HELD = {
    **{key: DECLARED[key] for key in ("name", "entrypoint", "description", "tags", "parameters")},
    "enforce_parameter_schema": True,
    "work_pool_name": "headnode",
    "global_concurrency_limit": {"limit": 1},
    "concurrency_options": {"collision_strategy": "ENQUEUE", "grace_period_seconds": 600},
    "schedules": [
        {"schedule": {"cron": "15 * * * *", "timezone": "UTC"}, "slug": "hourly", "active": True},
    ],
    "paused": False,
    "status": "READY",
}
PREFECT = PrefectFacts(
    url="http://127.0.0.1:4200/api",
    server_version="3.8.8",
    our_version="3.8.9",
    openness="",
    database={"driver": None, "connection_url": None, "name": None},
    pool={"name": "headnode", "type": "process", "is_paused": False},
    workers=[{"name": "one", "status": "ONLINE"}, {"name": "old", "status": "OFFLINE"}],
    held=[HELD],
    declared=[DECLARED],
)
