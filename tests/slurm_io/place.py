"""A branch of a real cluster for one test, made as an administrator would make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.accounts import AccountName, UserName

if TYPE_CHECKING:
    from collections.abc import Iterator


DEFAULT = AccountName("cloudrock")


@dataclass(frozen=True)
class Place:
    """A branch of its own for each case: `top` above `full` and `bare`, and users of every sort.

    `only` has nothing but `full`. `two` and `main` have `full` and the site's default account; for `main`
    `full` is the default. `blank` lost his default account and has `bare`; `lost` has nothing but a record.
    """

    number: int

    def account(self, name: str) -> AccountName:
        return AccountName(f"hpc_{self.number}_{name}")

    def user(self, name: str) -> UserName:
        return UserName(f"u{self.number}_{name}")

    def users(self, *names: str) -> tuple[UserName, ...]:
        return tuple(map(self.user, names))

    @property
    def top(self) -> AccountName:
        return self.account("top")

    @property
    def full(self) -> AccountName:
        return self.account("full")

    @property
    def bare(self) -> AccountName:
        return self.account("bare")

    def commands(self) -> Iterator[tuple[str, ...]]:
        """By hand, as an administrator would: not by the commands that are being tried."""
        full, bare, gone = self.full, self.bare, self.account("gone")
        made = "organization=cloudrock-slurm"
        yield ("add", "account", self.top, "parent=root", made)
        yield ("add", "account", full, f"parent={self.top}", made, "GrpTRESMins=cpu=5,mem=7")
        yield ("add", "account", f"{bare},{gone}", f"parent={self.top}")
        yield ("add", "user", ",".join(self.users("two", "main")), f"account={DEFAULT}")
        yield ("add", "user", ",".join(self.users("only", "two", "main")), f"account={full}")
        yield ("modify", "user", self.user("main"), "set", f"defaultaccount={full}")
        yield ("add", "user", ",".join(self.users("blank", "lost")), f"account={gone}")
        yield ("add", "user", self.user("blank"), f"account={bare}")
        yield ("delete", "account", gone)
