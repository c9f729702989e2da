"""The life of an allocation in chapters, each carried out by a pull: to be disturbed and to be compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.flows.apart import KILLED, Run
from tests.flows.endings import ending_of

if TYPE_CHECKING:
    from tests.flows.scenes import Death, Scene

MOST_RUNS = 4
WORKERS = ("ada", "max")
"""Those who run jobs: slurmctld must find them on the machine when they get their first association."""


@dataclass
class Played:
    """What a chapter came to."""

    ending: dict[str, Any]
    runs: list[Run]
    writes: int
    """To the cluster, by the first run."""
    posts: int
    """To the marketplace, by the first run."""
    finishing: Counter[str]
    """The calls of all runs that end orders: none may come twice."""


@dataclass
class Life:
    """One allocation, from its order to its end."""

    scene: Scene
    item: str = ""

    def play(self, chapter: str, death: Death | None) -> Played:
        """Ask for what the chapter is about, and pull until it is there; the first run may die."""
        ASKED[chapter](self)
        finishing: Counter[str] = Counter()
        runs = []
        counted = None
        while len(runs) < MOST_RUNS:
            run = self.carry_out(chapter, None if runs else death)
            runs.append(run)
            counted = counted or (run.writes, len(self.scene.posted))
            finishing += ends_orders(self.scene.posted)
            assert run.state == (KILLED if death and len(runs) == 1 else "COMPLETED"), (chapter, death, runs)
            assert not run.message.startswith("skipped"), (chapter, death, runs)
            if run.state != KILLED and "waiting" not in run.message and "approved" not in run.message:
                break
        writes, posts = counted or (0, 0)
        return Played(ending_of(self.scene), runs, writes, posts, finishing)

    def has_worked(self, name: str) -> bool:
        """Whether slurmdbd has a record of a job of this user's under the account."""
        account = self.scene.resource(self.item)["backend_id"]
        return any(row["user"] == self.scene.person(name) for row in self.scene.records(account))

    def carry_out(self, chapter: str, death: Death | None) -> Run:
        """One run; a repair that was cut off is done again, or by the next pull if the account is there."""
        if chapter != "repair":
            return self.scene.pull(death)
        account = self.scene.resource(self.item)["backend_id"]
        run = self.scene.run("repair", death, accounts=[account])
        return self.scene.pull() if "nothing is to be repaired" in run.message else run


def ends_orders(posted: list[dict[str, Any]]) -> Counter[str]:
    """The calls by which the marketplace ends orders and opens plan periods; and approvals."""
    calls: Counter[str] = Counter()
    for one in posted:
        action = one["path"].rstrip("/").rpartition("/")[2]
        if action in {"set_state_done", "set_state_erred", "approve", "reject", "set_state_executing"}:
            calls[action] += 1
        elif action == "set_state":
            calls[f"{action} {one['body']['state']}"] += 1
    return calls


def order(life: Life) -> None:
    """A new allocation, which the provider has approved."""
    life.scene.cluster.add_people(*map(life.scene.person, WORKERS))
    life.item = life.scene.order("protein")


def order_unapproved(life: Life) -> None:
    """The same, and the approval is ours."""
    life.scene.cluster.add_people(*map(life.scene.person, WORKERS))
    life.scene.settings["CLOUDROCK_ORDER_APPROVAL"] = "auto"
    life.item = life.scene.marketplace.place_order("protein", approve=False)


def update(life: Life) -> None:
    """Other limits."""
    life.scene.limited("cpu")
    life.scene.update(life.item, {"cpu": 5000})


def switch(life: Life) -> None:
    """Another plan."""
    scene = life.scene
    plan = scene.marketplace.office.add_plan(scene.marketplace.offering_uuid, "Another")
    scene.ask_for(
        "switch_plan", life.item, {"plan": f"{scene.marketplace.api_url}marketplace-public-plans/{plan}/"}
    )


def join(life: Life) -> None:
    """Two people more in the project, one of whom the cluster knows."""
    scene = life.scene
    for name in ("kim", "lee"):
        user = scene.person(name)
        scene.marketplace.office.add_user(user, name.title())
        scene.marketplace.office.add_freeipa_profile(user, user)
        scene.marketplace.office.add_member(scene.marketplace.project_uuid, user)
    scene.cluster.run("sacctmgr", "-i", "add", "user", f"name={scene.person('kim')}", "account=cloudrock")


def leave(life: Life) -> None:
    """Somebody leaves whose default account it is, and whose job runs."""
    works_there(life, "max")
    life.scene.marketplace.office.remove_member(life.scene.marketplace.project_uuid, life.scene.person("max"))


def vanish(life: Life) -> None:
    """Somebody deleted the account on the cluster."""
    account = life.scene.resource(life.item)["backend_id"]
    life.scene.cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={account}")


def terminate(life: Life) -> None:
    """The project's last allocation ends, with a job that runs and a user whose default account it is.

    In every life both have run a job by then: each has a share that the marketplace is told of.
    """
    works_there(life, "ada")
    if not life.has_worked("max"):
        a_job(life, "max")
    life.scene.ask_for("terminate", life.item)


def works_there(life: Life, name: str) -> None:
    """A user's default account is the allocation's, and a job of his runs under it."""
    scene, user = life.scene, life.scene.person(name)
    account = scene.resource(life.item)["backend_id"]
    where = ("where", f"name={user}")
    scene.cluster.run("sacctmgr", "-i", "modify", "user", *where, "set", f"defaultaccount={account}")
    a_job(life, name)


def a_job(life: Life, name: str) -> None:
    """A job of a user that runs under the account until somebody ends it."""
    scene = life.scene
    account = scene.resource(life.item)["backend_id"]
    cpus = scene.job_cpus
    job = scene.cluster.submit(user=scene.person(name), account=account, seconds=300, cpus=cpus)
    scene.cluster.wait_for_job(job, {"RUNNING"})


ASKED = {
    "approve": order_unapproved,
    "create": order,
    "update": update,
    "switch": switch,
    "join": join,
    "leave": leave,
    "repair": vanish,
    "terminate": terminate,
}
