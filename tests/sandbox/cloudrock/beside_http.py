"""What happened beside HTTP in the recording: what has to be done just before an exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tests.sandbox.cloudrock.replay import Replay

Step: TypeAlias = Callable[[Replay], object]

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
BEFORE: dict[str, Step] = {}


def before(*names: str) -> Callable[[Step], Step]:
    """Do this just before the exchanges of these names."""

    def note(step: Step) -> Step:
        BEFORE.update(dict.fromkeys(names, step))
        return step

    return note


def prepare(replay: Replay, name: str) -> None:
    """Do what happened before this exchange."""
    if name.startswith("allocation.set_state.member_"):
        _force_allocation(replay, name)
    elif name.startswith("usage.set.resource_state_"):
        _force_resource(replay, name)
    elif name in BEFORE:
        BEFORE[name](replay)


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


@before("update_with_usage_components.rest_limits_order.project_admin")
def _(replay: Replay) -> None:
    replay.finished("alloc-upd", "7d9349774198412c8e01575c572b59da")


@before("update_with_usage_components.pending.get")
def _(replay: Replay) -> None:
    resource = replay.our("7d9349774198412c8e01575c572b59da")
    limits: dict[str, object] = {"cpu": 50, "mem": 60, "gres/gpu": 4}
    replay.update(resource, limits, "f2ad7cb9139a49fb9f6efbf50e03507c", approve=False)


@before("update2_with_usage_components.allocation_updating")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-upd2", "ede983f410504a8098c21a15299da188")
    replay.update(resource, {"cpu": 5}, "1233032e14b444c98c911cbf575eefe8")


@before("update3_with_usage_components.done_without_allocation_state")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-upd3", "861957ebee1547b982246aef2bbd3246")
    replay.update(resource, {"cpu": 5}, "65a7009d78ea4ed4937099edcd41709f")


@before("update3_with_usage_components.second.approve")
def _(replay: Replay) -> None:
    resource = replay.our("861957ebee1547b982246aef2bbd3246")
    replay.update(resource, {"cpu": 6}, "7c41b6079af14bcdb7c72011e2a37f0f", approve=False)


@before("update4_with_usage_components.set_state_erred")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-upd4", "9daf0c7f9a4b45768a36559860245706")
    replay.update(resource, {"cpu": 5}, "fba98d1e7ba44c79bc4d9a4fd0355f19")


@before("update5_with_usage_components.reject_executing")
def _(replay: Replay) -> None:
    replay.update(replay.finished("alloc-upd5"), {"cpu": 5}, "e75617ceefcd44bf921f92441a8a38b3")


@before("switch_plan_with_usage_components.order")
def _(replay: Replay) -> None:
    replay.finished("alloc-switch", "749ac093c9dc442b98e00b4c8d595a6a")


@before("switch_plan_with_usage_components.provider_approves")
def _(replay: Replay) -> None:
    order = replay.our("2c4625939d21402fb82ad51d2ac55774")
    replay.bind_item("8370ef8e9b0242179651740c4bef89c6", order)


@before("terminate.order.project_admin")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-term", "fda63febf09d4c0da693426ee8b43a81")
    replay.bind_period("60b2c6a2ba30454e8f509433101f7d28", resource)


@before("terminate.order.state")
def _(replay: Replay) -> None:
    order = replay.our("9dbbac0806ba40b7b6f2ac1ed20fbcdb")
    replay.bind_item("19ea896214584abebd1bdc7c4b12f9e9", order)


@before("terminate2.order.provider_owner_auto_approved")
def _(replay: Replay) -> None:
    replay.finished("alloc-term2", "2ec27b44ff5d4d77a7d6ff1dd25e8cd5")


@before("terminate3.set_state_erred")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-term3", "77701bfaa53340fc92748e167ae25ce8")
    replay.terminating(resource, "5f34a68228a646629c45be9ec4804ec1")


@before("terminate4.set_state_erred")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-term4", "dd9b7a69be664fe0b7d64c6332b76bb5")
    replay.terminating(resource, "6af0927bb6644b66b3e91641fd9a17e7")


@before("terminate4.new_order.approve")
def _(replay: Replay) -> None:
    order = replay.our("cc36a76ee4f44f07bebe453a4e3ae1c8")
    replay.bind_item("29b1bbe8bb934019aa6dbe13e67f920d", order)


@before("terminate5.reject_executing")
def _(replay: Replay) -> None:
    replay.terminating(replay.finished("alloc-term5"), "a1a688076db242edb8f6492d0e2bbbcb")


@before("components.type_legal.gres/gpu:a100")
def _(replay: Replay) -> None:
    fields = {"measured_unit": "h", "billing_type": "usage"}
    components = [{"type": word, "name": word, **fields} for word in ("cpu", "mem", "gres/gpu")]
    second = replay.office.add_offering(replay.marketplace.provider_uuid, "Second cluster", components)
    replay.bind(SECOND_OFFERING, second)


@before("update.rest_limits_order.project_admin")
def _(replay: Replay) -> None:
    # not in the recording's README: the costs that follow show that the new component got its prices back
    replay.office.set_price(replay.marketplace.plan_uuid, "mem", "1")
    replay.office.set_price(replay.our("e18b9a5e399c5a3cb55b1f92a720fd8c"), "mem", "2")
    replay.finished("alloc-upd", "89700fb9692c48d298c5bb34c666a8af")


@before("update.pending.get")
def _(replay: Replay) -> None:
    resource = replay.our("89700fb9692c48d298c5bb34c666a8af")
    limits: dict[str, object] = {"cpu": 50, "mem": 60, "gres/gpu": 4}
    replay.update(resource, limits, "5bcc49ef3d3b4bc1878a13c71a634dc9", approve=False)


@before("update2.allocation_updating")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-upd2", "f868f6434ca24873bc2e6bb10d34703c")
    replay.update(resource, {"cpu": 5}, "dcb410f9a83e45abad5ad47df808b82f")


@before("update3.done_without_allocation_state")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-upd3", "868d8f8f459d4aeaadff1ddf81dfb99f")
    replay.update(resource, {"cpu": 5}, "dd6ee222f592481ba7b89d822b7247ed")


@before("update3.second.approve")
def _(replay: Replay) -> None:
    resource = replay.our("868d8f8f459d4aeaadff1ddf81dfb99f")
    replay.update(resource, {"cpu": 6}, "ce0402247bcb4956bc0701aee2df1cc7", approve=False)


@before("update4.set_state_erred")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-upd4", "3a0b6f304bee4cd7b185cc8ca14644ee")
    replay.update(resource, {"cpu": 5}, "8d8e18049ae94353bbe409472f8d92ec")


@before("update5.reject_executing")
def _(replay: Replay) -> None:
    replay.update(replay.finished("alloc-upd5"), {"cpu": 5}, "acf8c90b76cf40f39b7517b10c1ff067")


@before("switch_plan.order")
def _(replay: Replay) -> None:
    replay.finished("alloc-switch", "87d48aca24b44c5990668cb9c7e67da1")


@before("switch_plan.provider_approves")
def _(replay: Replay) -> None:
    order = replay.our("31dff5f873a74ccbbdb0472b21ae1b78")
    replay.bind_item("b0fc5f9220e2450aa3888594905f0f43", order)


@before("update7.done_500_when_resource_limits_hold_a_non_limit_key")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-upd7", "e0a8987c22d04d83af2752c716e03ce6", {"cpu": 10, "bogus": 1})
    replay.update(resource, {"cpu": 5}, "8dd6d1551df8426bbf71867cb4d68e56")


@before("update8.empty_limits.order_item")
def _(replay: Replay) -> None:
    replay.update(replay.finished("alloc-upd8"), {}, "a80d95e365904b698b5390fd361346d8")


@before("terminate6.allocation_deleting")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-term6", "1f8b0a42a74f494ca6d43272d20ea796")
    replay.terminating(resource, "6c53cbd475d34156aeb34a6bbb7b6fc0")


@before("terminate7.allocation_deleting")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-term7", "c2d9e951e94f453384f172834dab155c")
    replay.terminating(resource, "ea93375b0c6a47428901db493da903b6")


@before("terminate8.allocation_creating_when_processed")
def _(replay: Replay) -> None:
    resource = replay.finished("alloc-term8", "d95b7c7d39bf432dba75cc80d750bbdb")
    replay.office.force_allocation_state(resource, "Creating")
    replay.terminating(resource, "808ea6da95024ec9ae2e43291d6faa72")


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
