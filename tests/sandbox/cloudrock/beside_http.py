"""What happened beside HTTP in the recording: what has to be done just before an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.cloudrock.beside_changes import before as before_changes
from tests.sandbox.cloudrock.steps import Steps

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.replay import Replay

RESOURCE = "231cd713e86e4de1a0758fc0f0da1635"  # alloc-okfirst: the one that usage is reported on
STATES = "71bbfdec74c0498ea32a0517cfc15239"  # alloc-states: the one of the matrix of states
PERIOD = "910402729eb74011b0a464ffcb3ce726"
SECOND_OFFERING = "359692559ca34fb8b5de3796b392e908"
MONTH_PERIOD = "645641cb75e64eaab19eb45cfde4ce24"
WORDS = {
    "CREATION_SCHEDULED": "Creation Scheduled",
    "CREATING": "Creating",
    "UPDATE_SCHEDULED": "Update Scheduled",
    "UPDATING": "Updating",
    "DELETION_SCHEDULED": "Deletion Scheduled",
    "DELETING": "Deleting",
    "OK": "OK",
    "ERRED": "Erred",
    "TERMINATING": "Terminating",
    "TERMINATED": "Terminated",
}
before = Steps(before_changes)


def prepare(replay: Replay, name: str) -> None:
    """Do what happened before this exchange."""
    if name.startswith("allocation.set_state.member_"):
        _force_allocation(replay, name)
    elif name.startswith("usage.set.resource_state_"):
        _force_resource(replay, name)
    elif name in before:
        before[name](replay)


def _force_allocation(replay: Replay, name: str) -> None:
    if STATES not in replay.names.ours:
        replay.executing("alloc-states", resource=STATES)
    replay.office.force_allocation_state(replay.our(STATES), WORDS[name.partition(".from_")[2]])


def _force_resource(replay: Replay, name: str) -> None:
    replay.office.set_period_end(replay.our(PERIOD), None)
    replay.office.force_resource_state(replay.our(RESOURCE), WORDS[name.rpartition("_state_")[2]])


@before("order_item.get.executing.after_worker")
def _(replay: Replay) -> None:
    replay.office.run_worker()


@before("create.alt.allocation_creating")
def _(replay: Replay) -> None:
    replay.executing("alloc-okfirst", "f8f7fe947dc94ebf8f8b2f6c12a33528", RESOURCE)


@before("create.alt2.allocation_ok_without_creating")
def _(replay: Replay) -> None:
    item, resource = "1528ee1c03634c40987a294f593d1218", "955b7f3a90934e3eacfbc5deb4611ab5"
    replay.executing("alloc-skipcreating", item, resource)


@before("erred.order_item_set_state_erred")
def _(replay: Replay) -> None:
    item, resource = "34d4b6dd9a0749aa9ca90a866a45b0a9", "5606e08ae6a14710bef79ec8aeb907a7"
    replay.executing("alloc-erred", item, resource)


@before("erred2.allocation_creating")
def _(replay: Replay) -> None:
    item, resource = "d5ef28840d39496d89533c604c8d6c59", "0f5dfa94f220420cac25e5100324fca5"
    replay.executing("alloc-erred2", item, resource)


@before("reject.pending")
def _(replay: Replay) -> None:
    replay.item("alloc-reject-pending", "3d8a887dbe8049f8b93dd37eccbcc136")


@before("reject.executing")
def _(replay: Replay) -> None:
    item, resource = "891e651851fc44edbd1264e4e42f322e", "735719cdb59c437eaf7fcc19d20b9600"
    replay.executing("alloc-reject-exec", item, resource)


@before("approve.pending")
def _(replay: Replay) -> None:
    replay.item("alloc-approve-twice", "b0b5b4110cba4e80acdd9af37ff88040")


@before("force.set_state_executing_from_pending")
def _(replay: Replay) -> None:
    replay.item("alloc-force-exec", "cb5ff7cba19248239d70a85ee1a64bd5")


@before("erred.on_pending")
def _(replay: Replay) -> None:
    replay.item("alloc-erred-pending", "2d4ec132ec9d42da9785512b240a0606")


@before("past.list_both_months")
def _(replay: Replay) -> None:
    period = replay.our(PERIOD)
    replay.office.set_period_start(period, "2026-09-13T06:53:53.737553Z")
    row = replay.office.insert_usage(period, "cpu", 555, "2026-10-20T12:00:00Z")
    replay.bind("c" * 32, row)


@before("closed.this_month.plan_periods")
def _(replay: Replay) -> None:
    replay.office.set_period_end(replay.our(PERIOD), "2026-11-01T01:00:00Z")


@before("closed.month_boundary.plan_periods")
def _(replay: Replay) -> None:
    replay.office.set_period_end(replay.our(PERIOD), "2026-11-01T00:00:00Z")


@before("closed.earlier_month.plan_periods_empty")
def _(replay: Replay) -> None:
    replay.office.set_period_end(replay.our(PERIOD), "2026-10-31T23:59:59Z")


def limited(replay: Replay, billing_type: str, period: str | None, amount: int | None) -> None:
    """A component with this limit, and no rows yet, on a resource that is OK."""
    replay.office.force_resource_state(replay.our(RESOURCE), "OK")
    replay.office.delete_usages(replay.our(RESOURCE), "cpu")
    replay.office.configure_component(
        replay.marketplace.offering_uuid,
        "cpu",
        billing_type=billing_type,
        limit_period=period,
        limit_amount=amount,
    )


@before("over_limit.usage.month.over")
def _(replay: Replay) -> None:
    limited(replay, "usage", "month", 100)


@before("over_limit.usage.annual.over")
def _(replay: Replay) -> None:
    limited(replay, "usage", "annual", 100)


@before("over_limit.usage.total.over")
def _(replay: Replay) -> None:
    limited(replay, "usage", "total", 100)


@before("over_limit.usage.no_limit_amount")
def _(replay: Replay) -> None:
    limited(replay, "usage", "month", None)


@before("over_limit.limit_component.over_amount_not_enforced")
def _(replay: Replay) -> None:
    limited(replay, "limit", "month", 100)


@before("usage.set.fixed_component_refused")
def _(replay: Replay) -> None:
    limited(replay, "fixed", None, None)


@before("limits.over.resource_limits_not_enforced")
def _(replay: Replay) -> None:
    limited(replay, "usage", None, None)


def bulk(replay: Replay, prefix: str, count: int) -> None:
    """Many resources in a project of another customer."""
    office = replay.office
    customer = office.add_customer(f"{prefix}-Customer 1", "C1")
    project = office.add_project(customer, f"{prefix}-Project 1-1")
    office.add_user(f"{prefix}-c1p1u1", "First1 Last1-1-1")
    office.add_member(project, f"{prefix}-c1p1u1", "admin")
    market = replay.marketplace
    office.add_resources(project, market.offering_uuid, market.plan_uuid, count, f"{prefix}-alloc-1-1")


@before("resources.filter.backend_id")
def _(replay: Replay) -> None:
    bulk(replay, "bulk", 230)


@before("resources.page.size_1000_capped_at_300")
def _(replay: Replay) -> None:
    bulk(replay, "bulk2", 80)


@before("components.after_rename")
def _(replay: Replay) -> None:
    plan = replay.office.add_plan(replay.marketplace.offering_uuid, "Premium", "2")
    replay.bind("e18b9a5e399c5a3cb55b1f92a720fd8c", plan)


@before("components.type_legal.gres/gpu:a100")
def _(replay: Replay) -> None:
    fields = {"measured_unit": "h", "billing_type": "usage"}
    components = [{"type": word, "name": word, **fields} for word in ("cpu", "mem", "gres/gpu")]
    second = replay.office.add_offering(replay.marketplace.provider_uuid, "Second cluster", components)
    replay.bind(SECOND_OFFERING, second)


@before("allocation.delete.owner")
def _(replay: Replay) -> None:
    item = replay.item("alloc-del")
    replay.approved(item)
    replay.bind("e61421e65ee349cda1beea90821c18c2", str(replay.office.state_of(item)["allocation"]))


@before("auth.token_idle_longer_than_lifetime")
def _(replay: Replay) -> None:
    replay.office.age_token("outsider", 3700)


@before("auth.inactive_user")
def _(replay: Replay) -> None:
    replay.office.age_token("outsider", 0)
    replay.office.set_user_active("outsider", active=False)


@before("no_plan.order_item")
def _(replay: Replay) -> None:
    replay.approved(replay.our("d0653e38734743bd822573b26d87ac97"), "505bd01ff0204e7a8758686400629eed")


@before("association.after_race.list")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-race", "df8210b5f68047dba4f16343b60e902d")
    path = f"marketplace-slurm-remote/{resource}/create_association/"
    replay.ask("POST", path, body={"username": "w_c1p1u1"})
    allocation = replay.ask("GET", f"marketplace-resources/{resource}/").json()["resource_uuid"]
    replay.bind("c364452b0cb440e6a0b95f89fd8b326a", allocation)


@before("freeipa.list.extension_disabled")
def _(replay: Replay) -> None:
    replay.office.set_freeipa(enabled=False)


@before("month_turn.november.set")
def _(replay: Replay) -> None:
    replay.office.set_freeipa(enabled=True)
    market = replay.marketplace
    customer = replay.office.add_customer("month-Customer 1")
    project = replay.office.add_project(customer, "month-Project 1-1")
    resource = replay.office.add_resources(
        project, market.offering_uuid, market.plan_uuid, 1, "month-alloc-1-1"
    )[0]
    replay.bind("7f4e3c162e5b4aef81d5292ae27e4f63", resource)
    replay.bind_period(MONTH_PERIOD, resource)


@before("month_turn.december.plan_periods")
def _(replay: Replay) -> None:
    replay.office.set_clock("2026-12-01T00:05:00Z")
