"""The orders and members of a scene whose fate is told: how they are made, and where they stand."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.flows.endings import ASSOCIATIONS
from tests.flows.matrix import limits_word
from tests.waiting import until

if TYPE_CHECKING:
    from tests.flows.apart import Run
    from tests.flows.scenes import Scene

ALLOCATION_STATES = (
    "Creation Scheduled",
    "Creating",
    "Update Scheduled",
    "Updating",
    "Deletion Scheduled",
    "Deleting",
    "OK",
    "Erred",
)
ERROR = {"error_message": "tried", "error_traceback": ""}
TEAMS = "GET .*/(project_permissions|team)/"
"""The requests after which a run has read every order, and before which it has changed nothing."""
PAUSE_SECONDS = 4
MOST_SECONDS = 300


@dataclass(frozen=True)
class Subject:
    """One order, or one member of an allocation at rest."""

    kind: str
    before: str
    item: str
    """The order item; of an allocation at rest, the one that made it."""
    user: str = ""
    """The member."""

    def result(self, scene: Scene, run: Run) -> str:
        """What the run says of it: of the order, or of what its resource has on the cluster."""
        whole = "run failed" if run.state == "FAILED" and not run.results else "not concerned"
        results = dict(run.results)
        made = "marketplace_resource_uuid" in scene.item(self.item)
        at_rest = results.get(scene.resource(self.item)["name"], whole) if made else whole
        return at_rest if self.user else results.get(self.item, at_rest)

    def stands(self, scene: Scene) -> str:
        """Item, resource, allocation, account, in the words of both sides."""
        item = scene.item(self.item)
        if "marketplace_resource_uuid" not in item:
            return f"{item['state']}, no resource"
        resource = scene.get(f"marketplace-resources/{item['marketplace_resource_uuid']}/")
        behind = (resource["state"], scene.allocation_state(self.item))
        rows = [
            row for row in scene.cluster.sql(ASSOCIATIONS) if row[0].startswith(f"hpc_{resource['uuid'][:5]}")
        ]
        if self.user:
            has = any(row[1] == self.user for row in rows)
            return ", ".join((*behind, "has him" if has else "has him not"))
        accounts = [limits_word(row) for row in rows if not row[1]]
        return ", ".join((item["state"], *behind, " and ".join(accounts) or "none"))


def ask(scene: Scene, kind: str, first: str, *, approve: bool = True) -> str:
    """An order of this kind about an allocation; the order item."""
    if kind == "Update":
        resource = scene.item(first)["marketplace_resource_uuid"]
        item = str(scene.marketplace.office.insert_update_order(resource, {"cpu": 5000}))
        if approve:
            scene.approve(item)
        return item
    if kind == "Terminate":
        return scene.ask_for("terminate", first, approve=approve)
    marketplace = scene.marketplace
    plan = marketplace.office.add_plan(marketplace.offering_uuid, "Another")
    address = {"plan": f"{marketplace.api_url}marketplace-public-plans/{plan}/"}
    return scene.ask_for("switch_plan", first, address, approve=approve)


def completed(run: Run) -> None:
    """What a scene begins with must have gone well."""
    assert run.state == "COMPLETED", run


def orders_in_every_state(scene: Scene, kind: str) -> list[Subject]:
    """Orders of one kind, each in another state; the meanwhile ones are as yet only executing."""
    befores = [*STATES, *(f"executing, allocation {state}" for state in ALLOCATION_STATES)]
    if kind == "Create":
        items = [scene.marketplace.place_order(before, approve=before != "pending") for before in befores]
        scene.marketplace.office.run_worker()
    else:
        scene.limited("cpu")
        firsts = [scene.order(before) for before in befores]
        completed(scene.pull())
        items = [
            ask(scene, kind, first, approve=before != "pending")
            for before, first in zip(befores, firsts, strict=True)
        ]
    subjects = [Subject(kind, *pair) for pair in zip(befores, items, strict=True)]
    for subject in subjects:
        prepare(scene, subject)
    if kind == "Create":
        scene.marketplace.office.pause_worker()
        late = scene.marketplace.place_order("late")
        subjects.append(Subject(kind, "executing, no resource yet", late))
    return subjects


STATES = (
    "pending",
    "executing",
    "executing again after erred",
    "executing, done meanwhile",
    "executing, rejected meanwhile",
)
MEANWHILE = {"executing, done meanwhile": "set_state_done", "executing, rejected meanwhile": "reject"}


def prepare(scene: Scene, subject: Subject) -> None:
    """Bring an order into the state of its name."""
    path = f"marketplace-order-items/{subject.item}"
    if subject.before == "executing again after erred":
        scene.post(f"{path}/set_state_erred/", "provider_owner", ERROR)
        scene.post(f"{path}/set_state_executing/", "provider_owner")
    elif "allocation " in subject.before:
        resource = scene.item(subject.item)["marketplace_resource_uuid"]
        scene.marketplace.office.force_allocation_state(resource, subject.before.partition("allocation ")[2])


@dataclass
class SomebodyElse:
    """Ends orders in the portal while a run reads the teams; once, however often the run is begun."""

    subjects: list[Subject]
    acting: threading.Thread | None = None

    def __call__(self, scene: Scene, _: int) -> None:
        scene.marketplace.office.fail_next(TEAMS, kind="slow", seconds=PAUSE_SECONDS)
        if not self.acting:
            self.acting = threading.Thread(target=self.act, args=(scene,), daemon=True)
            self.acting.start()

    def act(self, scene: Scene) -> None:
        requests = scene.marketplace.office.requests
        until(
            lambda: any("project_permissions" in str(one["path"]) for one in requests()),
            "the team is read",
            MOST_SECONDS,
        )
        for subject in self.subjects:
            if action := MEANWHILE.get(subject.before):
                scene.post(f"marketplace-order-items/{subject.item}/{action}/", "provider_owner")


def one_of_each_kind(scene: Scene) -> list[Subject]:
    """An executing order of each kind, and a project that somebody joins and one that somebody leaves."""
    scene.limited("cpu")
    office = scene.marketplace.office
    joined, left = (office.add_project(scene.marketplace.customer_uuid, name) for name in ("joined", "left"))
    ada, kim, max_ = map(scene.person, ("ada", "kim", "max"))
    office.add_user(kim, "Kim")
    office.add_freeipa_profile(kim, kim)
    scene.cluster.run("sacctmgr", "-i", "add", "user", f"name={kim}", "account=cloudrock")
    for project, user in ((joined, ada), (left, ada), (left, max_)):
        office.add_member(project, user)
    kinds = ("Update", "switch of plan", "Terminate")
    firsts = {kind: scene.order(kind) for kind in kinds}
    rest = {
        name: scene.marketplace.place_order(name, project=project)
        for name, project in (("joined", joined), ("left", left))
    }
    office.run_worker()
    completed(scene.pull())
    new = scene.order("Create")
    items = {"Create": new, **{kind: ask(scene, kind, firsts[kind]) for kind in kinds}}
    office.add_member(joined, kim)
    office.remove_member(left, max_)
    return [
        *(Subject(kind, "executing", item) for kind, item in items.items()),
        Subject("member joins", "at rest", rest["joined"], kim),
        Subject("member leaves", "at rest", rest["left"], max_),
    ]


def empty_every_team(scene: Scene, subjects: list[Subject]) -> None:
    """Nobody is in any project any more."""
    for subject in subjects:
        resource = scene.resource(subject.item)
        for name in ("ada", "max", "mary", "kim"):
            scene.marketplace.office.remove_member(resource["project_uuid"], scene.person(name))
