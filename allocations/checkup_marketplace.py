"""What the settings and the marketplace have to be like; facts in, diagnoses out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.billing import TURN_GUARD_SECONDS
from allocations.checkup import (
    NO_COMPONENTS,
    Cause,
    Check,
    Fault,
    Level,
    Silence,
    brief,
    not_looked_at,
    well,
    wrong,
)
from allocations.offering_components import changes_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.checkup import Diagnosis
    from allocations.components import Components
    from allocations.marketplace import Offering, TokenOwner

TYPE = "Marketplace.Slurm"
ACTIVE = "Active"
OWNER = "owner"
SKEW_SECONDS = 30.0
"""More than this between the two clocks is worth a look."""

SETTINGS_BAD = Fault(
    Check.SETTINGS,
    Level.ERROR,
    "variables are missing or wrong",
    "no side runs without them",
    "correct the variables that are named, in the environment or in .env",
)
COMPONENTS_BAD = Fault(
    Check.COMPONENTS,
    Level.ERROR,
    "the components file cannot be read, or says something it may not",
    "nothing can be limited or billed without it",
    "correct the file that SLURM_TRES_CONFIG_PATH names",
)
UNREACHABLE = Fault(
    Check.REACHED,
    Level.ERROR,
    "the marketplace does not answer",
    "no order comes in and no usage goes out",
    "curl --head {url}",
)
CLOCK_OFF = Fault(
    Check.CLOCK,
    Level.WARNING,
    f"the clocks are more than {SKEW_SECONDS:.0f} s apart",
    "the marketplace books usage under its own month, and this host counts by its own clock",
    "timedatectl set-ntp true",
)
CLOCK_FAR_OFF = Fault(
    Check.CLOCK,
    Level.ERROR,
    f"the clocks are more than {TURN_GUARD_SECONDS:.0f} s apart",
    "what is used until now cannot be counted by a wrong clock: push-usage counts and sends nothing",
    "timedatectl set-ntp true",
)
TOKEN_REFUSED = Fault(
    Check.TOKEN,
    Level.ERROR,
    "the marketplace refuses the token",
    "it is wrong, has expired, or its user is not active: nothing can be read or told",
    "put the token that the portal shows for the agent's user into CLOUDROCK_API_TOKEN",
)
TOKEN_EXPIRES = Fault(
    Check.TOKEN_LIFETIME,
    Level.WARNING,
    "the token expires when it is not used for a while",
    "after an outage of that length the agent is locked out until a person renews the token",
    "let the marketplace's staff set the token lifetime of {user} to none (token_lifetime null)",
)
NEEDS_STAFF = Fault(
    Check.ROLE,
    Level.WARNING,
    "CLOUDROCK_SLURM_USERNAME_SOURCE is freeipa, and the token is not known to be a staff user's",
    "FreeIPA profiles of others are shown to staff only: members would be taken for people without a name",
    "use a staff user's token, or set CLOUDROCK_SLURM_USERNAME_SOURCE to local or offering",
)
NOT_OWNER = Fault(
    Check.ROLE,
    Level.ERROR,
    "the token's user is no owner of the provider's organisation",
    "a manager can tell usage, but neither complete nor refuse orders",
    "make {user} an owner of the provider's organisation in the portal",
)
OFFERING_HIDDEN = Fault(
    Check.OFFERING,
    Level.ERROR,
    "there is no such offering, or the token's user does not manage it",
    "its orders can be neither seen nor carried out",
    "check CLOUDROCK_OFFERING_UUID, and make {user} an owner of the provider's organisation in the portal",
)
OFFERING_TYPE = Fault(
    Check.OFFERING,
    Level.ERROR,
    f"the offering's type is not {TYPE}",
    "orders of other types are carried out by the marketplace itself or by another agent",
    f"make an offering of the type {TYPE} in the portal, and put its uuid into CLOUDROCK_OFFERING_UUID",
)
OFFERING_INACTIVE = Fault(
    Check.OFFERING,
    Level.WARNING,
    f"the offering's state is not {ACTIVE}",
    "nobody can order from it; what was ordered before is kept up",
    "activate the offering in the portal",
)
NO_PLAN = Fault(
    Check.PLAN,
    Level.ERROR,
    "the offering has no plan that is in use",
    "usage is told for a plan period: without a plan there is none, and nothing can be billed",
    "give the offering a plan in the portal",
)
NO_PRICE = Fault(
    Check.PLAN,
    Level.WARNING,
    "a component has no price in any plan that is in use",
    "its usage is told and costs nothing",
    "give {components} a price in the plan, in the portal (0 says that it is meant so)",
)
OFFERED_OTHERWISE = Fault(
    Check.OFFERED,
    Level.ERROR,
    "a component of the file is not offered, or in another unit or billing type",
    "amounts would be refused, or read in another unit than they are counted in",
    "cloudrock-slurm components --apply",
)
LABELLED_OTHERWISE = Fault(
    Check.OFFERED,
    Level.WARNING,
    "a component has another label than in the file",
    "people read another name in the portal than in our reports",
    "cloudrock-slurm components --apply",
)
FAULTS = (
    SETTINGS_BAD,
    COMPONENTS_BAD,
    UNREACHABLE,
    CLOCK_OFF,
    CLOCK_FAR_OFF,
    TOKEN_REFUSED,
    TOKEN_EXPIRES,
    NEEDS_STAFF,
    NOT_OWNER,
    OFFERING_HIDDEN,
    OFFERING_TYPE,
    OFFERING_INACTIVE,
    NO_PLAN,
    NO_PRICE,
    OFFERED_OTHERWISE,
    LABELLED_OTHERWISE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketplaceFacts:
    """What was learned of the marketplace, and what the settings want of it."""

    url: str
    owner: TokenOwner | Silence
    offering: Offering | Silence
    skew_seconds: float | None
    """This host's clock less the marketplace's; None where it does not tell its time."""
    needs_staff: bool
    components: Components
    """Those of the file; empty where it could not be read."""


def diagnose_marketplace(facts: MarketplaceFacts) -> Iterator[Diagnosis]:
    """Everything about the marketplace."""
    owner, offering = facts.owner, facts.offering
    if isinstance(owner, Silence) and owner.cause is not Cause.UNAUTHORIZED:
        yield wrong(UNREACHABLE, owner.words, url=facts.url)
        yield from _not_looked_at(
            (Check.CLOCK, Check.TOKEN, Check.TOKEN_LIFETIME, Check.ROLE), "the marketplace does not answer"
        )
    else:
        yield well(Check.REACHED, facts.url)
        yield _clock(facts.skew_seconds)
        if isinstance(owner, Silence):
            yield wrong(TOKEN_REFUSED, owner.words)
            yield from _not_looked_at((Check.TOKEN_LIFETIME, Check.ROLE), "the token is refused")
        else:
            yield from _token(owner)
            yield _role(owner, offering, needs_staff=facts.needs_staff)
    if isinstance(offering, Silence):
        yield _silent_offering(offering, owner)
        yield from _not_looked_at((Check.PLAN, Check.OFFERED), "the offering could not be read")
    else:
        yield from _offering(offering)
        yield from _plan(offering, facts.components)
        yield from _offered(offering, facts.components)


def _not_looked_at(checks: tuple[Check, ...], reason: str) -> Iterator[Diagnosis]:
    return (not_looked_at(check, Silence(reason, Cause.NOT_ASKED)) for check in checks)


def _clock(skew: float | None) -> Diagnosis:
    if skew is None:
        return not_looked_at(Check.CLOCK, Silence("the marketplace's answers have no Date"))
    found = f"this host is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the marketplace"
    if abs(skew) > TURN_GUARD_SECONDS:
        return wrong(CLOCK_FAR_OFF, found)
    if abs(skew) > SKEW_SECONDS:
        return wrong(CLOCK_OFF, found)
    return well(Check.CLOCK, f"{abs(skew):.0f} s apart")


def _token(owner: TokenOwner) -> Iterator[Diagnosis]:
    yield well(Check.TOKEN, f"speaks for {owner.username}")
    if owner.token_lifetime_seconds is None:
        yield well(Check.TOKEN_LIFETIME, "never expires")
    else:
        found = f"expires after {owner.token_lifetime_seconds} s without use"
        yield wrong(TOKEN_EXPIRES, found, user=owner.username)


def _role(owner: TokenOwner, offering: Offering | Silence, *, needs_staff: bool) -> Diagnosis:
    """Not every marketplace tells who is staff: who has no role and sees the offering must be."""
    if owner.is_staff:
        return well(Check.ROLE, "staff")
    if isinstance(offering, Silence):
        return not_looked_at(Check.ROLE, Silence("the offering could not be read", Cause.NOT_ASKED))
    role = owner.roles.get(offering.customer_uuid)
    if role is None and owner.is_staff is None:
        return well(Check.ROLE, "no role at the provider, and sees its offering: staff")
    if role != OWNER:
        return wrong(NOT_OWNER, f"{owner.username} is {role or 'nothing'} there", user=owner.username)
    if needs_staff:
        return wrong(NEEDS_STAFF, f"{owner.username} is not known to be staff")
    return well(Check.ROLE, "owner of the provider's organisation")


def _silent_offering(offering: Silence, owner: TokenOwner | Silence) -> Diagnosis:
    if offering.cause is Cause.HIDDEN and not isinstance(owner, Silence):
        return wrong(OFFERING_HIDDEN, offering.words, user=owner.username)
    return not_looked_at(Check.OFFERING, offering)


def _offering(offering: Offering) -> Iterator[Diagnosis]:
    named = f"{offering.name!r}, {offering.type}, {offering.state}"
    if offering.type != TYPE:
        yield wrong(OFFERING_TYPE, named)
    if offering.state != ACTIVE:
        yield wrong(OFFERING_INACTIVE, named)
    if (offering.type, offering.state) == (TYPE, ACTIVE):
        yield well(Check.OFFERING, named)


def _plan(offering: Offering, components: Components) -> Iterator[Diagnosis]:
    plans = [plan for plan in offering.plans if plan.in_use]
    names = brief(plan.name for plan in plans)
    offered = {one.type for one in offering.components} & components.keys()
    unpriced = offered - {kind for plan in plans for kind in plan.priced}
    if not plans:
        yield wrong(NO_PLAN, f"{len(offering.plans)} plans, none of them in use")
    elif unpriced:
        yield wrong(NO_PRICE, f"{names}: no price for {brief(unpriced)}", components=brief(unpriced))
    else:
        yield well(Check.PLAN, names)


def _offered(offering: Offering, components: Components) -> Iterator[Diagnosis]:
    if not components:
        yield not_looked_at(Check.OFFERED, NO_COMPONENTS)
        return
    changes = changes_to(offering, components)
    labels = [change for change in changes if change.field == "name"]
    others = [change for change in changes if change.field != "name"]
    if others:
        yield wrong(OFFERED_OTHERWISE, "; ".join(map(str, others)))
    if labels:
        yield wrong(LABELLED_OTHERWISE, "; ".join(map(str, labels)))
    if not changes:
        yield well(Check.OFFERED, f"as in the file: {', '.join(components)}")
