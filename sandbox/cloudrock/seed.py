"""Starting states: the recording's, the demo's, the playground's. The same parts, under different names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.cloudrock.back_office import BackOffice

LIFETIME = 3600
"""What a user's token lasts unused, unless somebody changes it."""


@dataclass(frozen=True)
class Cast:
    """Who and what there is: actor -> (username, full name), and the names of the rest."""

    people: dict[str, tuple[str, str]]
    freeipa: dict[str, str]
    provider: tuple[str, str]
    customer: tuple[str, str]
    project: str
    offering: str
    components: tuple[tuple[str, str, str], ...]
    by_limit: frozenset[str] = frozenset()
    """The components whose limits the customer orders; the others are billed by usage."""
    plans: tuple[tuple[str, str], ...] = (("Standard", "1"),)
    """Names, and what one unit of each component costs."""


RECORDING = Cast(
    people={
        "staff": ("staff", "Sam Staff"),
        "support": ("support", "Sue Support"),
        "provider_owner": ("provider_owner", "Olga Owner"),
        "provider_manager": ("provider_manager", "Mia Manager"),
        "customer_owner": ("c1owner", "Carl Customer1"),
        "project_user1": ("c1p1u1", "First1 Last1-1-1"),
        "project_user2": ("c1p1u2", "First2 Last1-1-2"),
        "project_user3": ("c1p1u3", "First3 Last1-1-3"),
        "outsider": ("outsider", "Otto Outsider"),
    },
    freeipa={"project_user1": "w_c1p1u1", "project_user2": "w_c1p1u2"},
    provider=("HPC Provider", "HPC"),
    customer=("Customer 1", "C1"),
    project="Project 1-1",
    offering="SLURM cluster",
    components=(("cpu", "CPU", "hours"), ("gres/gpu", "GPU", "hours"), ("mem", "RAM", "gB-hours")),
)
DEMO = Cast(
    people={
        "staff": ("staff", "Sam Staff"),
        "support": ("support", "Sue Support"),
        "provider_owner": ("hpc-owner", "Olga Owner"),
        "provider_manager": ("hpc-integration", "Service Manager"),
        "customer_owner": ("genomics-owner", "Carl Customer"),
        "project_user1": ("crs_ada", "Ada Admin"),
        "project_user2": ("crs_max", "Max Manager"),
        "project_user3": ("crs_mary", "Mary Member"),
        "outsider": ("outsider", "Otto Outsider"),
    },
    freeipa={"project_user1": "crs_ada", "project_user2": "crs_max", "project_user3": "crs_mary"},
    provider=("HPC Centre", "HPC"),
    customer=("Genomics Institute", "GEN"),
    project="Sequencing 2026",
    offering="SLURM cluster",
    components=(("cpu", "CPU", "minutes"), ("gres/gpu", "GPU", "minutes"), ("mem", "RAM", "MB-minutes")),
)
PLAYGROUND = replace(
    DEMO, by_limit=frozenset({"cpu", "gres/gpu"}), plans=(("Standard", "1"), ("Urgent", "2"))
)
"""The demo's, with something to change: limits that customers order, and a second plan. Its components are
those of sandbox/components.yaml."""
CASTS = {"demo": DEMO, "playground": PLAYGROUND, "recording": RECORDING}
PROJECT_ROLES = {"project_user1": "admin", "project_user2": "manager", "project_user3": "member"}


def with_suffix(cast: Cast, suffix: str) -> Cast:
    """The same, but the project's people have other user names: OS users are shared by a whole machine."""
    people = {
        actor: (f"{name}{suffix}" if actor in PROJECT_ROLES else name, full_name)
        for actor, (name, full_name) in cast.people.items()
    }
    return replace(
        cast, people=people, freeipa={actor: f"{name}{suffix}" for actor, name in cast.freeipa.items()}
    )


def seed(office: BackOffice, cast: Cast) -> None:
    """Fill an empty marketplace, and note which row plays which part."""
    for actor, (username, full_name) in cast.people.items():
        user = office.add_user(
            username,
            full_name,
            is_staff=actor == "staff",
            is_support=actor == "support",
            token_lifetime=LIFETIME if actor == "outsider" else None,
        )
        office.note(f"token {actor}", user["token"])
        office.note(f"user {actor}", user["uuid"])
    provider = office.add_customer(*cast.provider)
    customer = office.add_customer(*cast.customer)
    project = office.add_project(customer, cast.project)
    offering = office.add_offering(provider, cast.offering, _components(cast))
    plan, *_ = [office.add_plan(offering, *named) for named in cast.plans]
    rows = {
        "service_provider_uuid": office.add_service_provider(provider),
        "provider_uuid": provider,
        "customer_uuid": customer,
        "project_uuid": project,
        "offering_uuid": offering,
        "plan_uuid": plan,
    }
    for name, uuid in rows.items():
        office.note(name, uuid)
    _give_roles(office, cast, provider, customer, project)


def _components(cast: Cast) -> list[dict[str, object]]:
    return [
        {
            "type": word,
            "name": name,
            "measured_unit": unit,
            "billing_type": "limit" if word in cast.by_limit else "usage",
        }
        for word, name, unit in cast.components
    ]


def _give_roles(office: BackOffice, cast: Cast, provider: str, customer: str, project: str) -> None:
    people = cast.people
    office.add_customer_role(provider, people["provider_owner"][0], "owner")
    office.add_customer_role(provider, people["provider_manager"][0], "service_manager")
    office.add_customer_role(customer, people["customer_owner"][0], "owner")
    for actor, role in PROJECT_ROLES.items():
        office.add_member(project, people[actor][0], role)
    for actor, username in cast.freeipa.items():
        office.add_freeipa_profile(people[actor][0], username)
