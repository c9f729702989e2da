"""What happened beside HTTP in the recording before orders that change or end a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.cloudrock.steps import Steps

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.replay import Replay

before = Steps()


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
