"""Names: what may become a SLURM account or user, and which account belongs to whom.

Names come from people in a portal, so they are data, never syntax: sacctmgr reads a comma as a list, `a=b`
as an option, an empty name as everything and a leading dash as a flag.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

from allocations.errors import InvalidName, InvalidOrder

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

AccountName = NewType("AccountName", str)
"""A SLURM account: lower case, as slurmdbd stores it."""

UserName = NewType("UserName", str)
"""A user as the cluster's operating system knows him."""

ClusterName = NewType("ClusterName", str)
"""A SLURM cluster: lower case, as slurmdbd stores it."""

ROOT = AccountName("root")
"""SLURM's own topmost account: never ours."""

UNKNOWN = "(unknown)"
"""Stands for an account or user that sacct could not name, so that totals stay whole."""

LEGAL_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*", re.ASCII)
NAME_RULE = "lower-case letters, digits, '_', '.' and '-', not starting with '.' or '-', and not 'root'"
CLUSTER_RULE = "lower-case letters, digits, '_', '.' and '-', not starting with '.' or '-'"
NOT_IN_ACCOUNT = re.compile(r"[^a-z0-9_.-]", re.ASCII)
LONGEST_USER = 32
LONGEST_DESCRIPTION = 200
SHORTEST_HEX = 5
HEX_LENGTHS = (SHORTEST_HEX, 8, 12, 16, 32)
"""How much of the resource's uuid goes into the account's name: more only where less is taken."""


def user_name(text: str) -> UserName:
    """The text as a user's name.

    Upper case is refused, not folded: SLURM would store `ABC` as `abc`, who may be somebody else.

    Raises:
        InvalidName: for anything sacctmgr could read as more, or other, than one user.
    """
    if not LEGAL_NAME.fullmatch(text) or text == ROOT or len(text) > LONGEST_USER:
        raise InvalidName("user name", text, f"{NAME_RULE}, at most {LONGEST_USER} characters")
    return UserName(text)


def is_user_name(text: str) -> bool:
    """Whether the text can be a user's name; one that cannot was never added by us."""
    try:
        user_name(text)
    except InvalidName:
        return False
    return True


def account_name(text: str) -> AccountName:
    """The text as an account's name, or InvalidName."""
    if not LEGAL_NAME.fullmatch(text) or text == ROOT:
        raise InvalidName("account name", text, NAME_RULE)
    return AccountName(text)


def cluster_name(text: str) -> ClusterName:
    """The text as a cluster's name, or InvalidName; an empty or odd one could mean every cluster, or none."""
    if not LEGAL_NAME.fullmatch(text):
        raise InvalidName("cluster name", text, CLUSTER_RULE)
    return ClusterName(text)


def cleaned(text: str) -> str:
    """What of a free text may stand in an account's name: accents dropped, lower case, the rest left out."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return NOT_IN_ACCOUNT.sub("", plain.lower())


def described(text: str) -> str:
    """A free text as an account's description: printable, without what breaks sacctmgr's lines."""
    kept = "".join(" " if not char.isprintable() or char in "\"'`|\\" else char for char in text)
    return " ".join(kept.split())[:LONGEST_DESCRIPTION].rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingRules:
    """How accounts are named: `PREFIX + uuid` for customers and projects, see `allocation_account`."""

    customer_prefix: str = "hpc_"
    project_prefix: str = "hpc_"
    allocation_prefix: str = "hpc_"
    allocation_max_length: int = 34

    def __post_init__(self) -> None:
        """An empty prefix would make every account ours; a short name could not tell resources apart."""
        for prefix in (self.customer_prefix, self.project_prefix, self.allocation_prefix):
            account_name(prefix)
        if self.allocation_max_length < len(self.allocation_prefix) + SHORTEST_HEX:
            raise InvalidName(
                "longest allowed length",
                str(self.allocation_max_length),
                f"room for {self.allocation_prefix!r} and {SHORTEST_HEX} digits",
            )

    def customer_account(self, uuid: str) -> AccountName:
        """The account that holds all of a customer's projects."""
        return account_name(f"{self.customer_prefix}{uuid.lower()}")

    def project_account(self, uuid: str) -> AccountName:
        """The account that holds all of a project's allocations."""
        return account_name(f"{self.project_prefix}{uuid.lower()}")

    def allocation_account(self, uuid: str, name: str, hex_digits: int = SHORTEST_HEX) -> AccountName:
        """`PREFIX + 5 hex of the resource's uuid + _ + cleaned name`, cut to the longest allowed."""
        whole = f"{self.stem(uuid, hex_digits)}_{cleaned(name)}"
        return account_name(whole[: self.allocation_max_length].rstrip("_.-"))

    def stem(self, uuid: str, hex_digits: int) -> str:
        """What an allocation's account begins with: the prefix and so much of the resource's uuid."""
        return f"{self.allocation_prefix}{uuid[:hex_digits].lower()}"

    def candidates(self, uuid: str, name: str) -> tuple[AccountName, ...]:
        """Every name that a resource may have, the preferred one first."""
        room = self.allocation_max_length - len(self.allocation_prefix)
        return tuple(self.allocation_account(uuid, name, digits) for digits in HEX_LENGTHS if digits <= room)

    def is_managed(self, account: str) -> bool:
        """True when the name carries one of our prefixes: the only accounts that we touch."""
        return account.startswith((self.customer_prefix, self.project_prefix, self.allocation_prefix))


def account_for_resource(
    rules: NamingRules,
    *,
    uuid: str,
    name: str,
    recorded: str | None,
    owners: Mapping[str, str],
    protected: Container[str] = (),
    allocation_uuid: str | None = None,
) -> AccountName:
    """The account of one resource: the same answer at every run.

    Args:
        rules: how accounts are named.
        uuid: of the marketplace resource.
        name: of the resource, as typed by the customer.
        recorded: the backend id that the resource carries already, if any.
        owners: account to the uuid of the resource that records it, over the whole offering.
        protected: accounts that may never be an allocation's, such as the default account.
        allocation_uuid: of the allocation behind the resource: other agents may have named the account by it.

    Raises:
        InvalidOrder: a recorded backend id that could never be this resource's (anybody who owns the
            resource in the portal can write one), or no name that is free.
    """
    candidates = rules.candidates(uuid, name)
    if recorded:
        stems = tuple(rules.stem(one, SHORTEST_HEX) for one in (uuid, allocation_uuid) if one)
        if not LEGAL_NAME.fullmatch(recorded) or not recorded.startswith(stems):
            raise InvalidOrder(
                f"the resource records the backend id {recorded!r}, which is no account of this resource: "
                f"expected {candidates[0]!r} or an empty one"
            )
        candidates = (AccountName(recorded),)
    for candidate in candidates:
        if owners.get(candidate, uuid) == uuid and candidate not in protected:
            return candidate
    raise InvalidOrder(f"the account {candidates[0]!r} belongs to another resource of the offering")
