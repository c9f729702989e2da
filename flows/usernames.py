"""Which names the members of a team have on the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows import tasks
from flows.choices import UsernameSource
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.marketplace import FreeIpaProfile, TeamMember
    from cloudrock_io.client import Cloudrock


class Usernames:
    """The names of team members, by the source that the settings choose; profiles are read once per run."""

    def __init__(self, cloudrock: Cloudrock, source: UsernameSource) -> None:
        self.cloudrock = cloudrock
        self.source = source
        self.profiles: Mapping[str, str] | None = None

    def of(self, team: Iterable[TeamMember]) -> tuple[list[str], list[str]]:
        """The names of those who have one, and a remark for each who has none."""
        if self.source is UsernameSource.LOCAL:
            return [member.username for member in team], []
        if self.profiles is None:
            self.profiles = self.fetch_profiles()
        names, remarks = [], []
        for member in team:
            name = self.profiles.get(member.uuid)
            if name is None:
                remarks.append(f"team member {member.username!r} has no active FreeIPA profile: not added")
            else:
                names.append(name)
        return names, remarks

    def fetch_profiles(self) -> dict[str, str]:
        """User uuid to FreeIPA name, of every active profile.

        Raises:
            SettingsError: the token sees nobody's profile but its own, so nothing can be concluded.
        """
        if not tasks.fetch_me(self.cloudrock).is_staff:
            raise SettingsError(
                "CLOUDROCK_API_TOKEN: CLOUDROCK_SLURM_USERNAME_SOURCE=freeipa needs a staff token, because "
                "the marketplace shows FreeIPA profiles to staff only: expected a staff user's token"
            )
        return names_of(tasks.fetch_freeipa_profiles(self.cloudrock))


def names_of(profiles: Iterable[FreeIpaProfile]) -> dict[str, str]:
    """User uuid to name, of the active profiles."""
    return {profile.user_uuid: profile.username for profile in profiles if profile.is_active}
