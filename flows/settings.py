"""The settings: one class, every variable of the environment that we read. The only place that reads it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from allocations.accounts import LEGAL_NAME, SHORTEST_HEX, AccountName, NamingRules
from allocations.components import parse_components
from allocations.desired import Rules
from flows.choices import (
    DeploymentType,
    LimitsOwner,
    OrderApproval,
    SyncDirection,
    TerminateJobs,
    UsernameSource,
)
from flows.cluster_settings import ClusterSettings
from flows.push_settings import PushSettings
from flows.variables import complaints, variable

if TYPE_CHECKING:
    from pydantic import ValidationInfo

    from allocations.components import Components

LONGEST_ACCOUNT = 255
"""The marketplace keeps no longer backend id (contract 4)."""
OURS = ("CLOUDROCK_", "PREFECT_")
"""What the commands that we start do not get to see."""
OPTIONS = ("SLURM_CLUSTERS", "SACCT_", "SCANCEL_", "SQUEUE_", "SREPORT_")
"""Nor what would be options of theirs: another cluster, other jobs, other columns."""
FOR_CONTAINER = ("SLURM_CONF",)
"""Of our environment, what commands in a container get to see; the rest is this host's business."""
FOR_DOCKER = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
"""Docker's own variables: where the engine is."""


class SettingsError(Exception):
    """One line per variable that is missing or wrong."""


class Settings(PushSettings, ClusterSettings):
    """Everything that an administrator sets, from the environment or a `.env` file."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    api_url: HttpUrl = variable(
        "CLOUDROCK_API_URL", "The marketplace's API", "an address such as https://cloudrock.example.com/api/"
    )
    api_token: SecretStr = variable(
        "CLOUDROCK_API_TOKEN",
        "Token of the marketplace user that this agent is (secret); his token lifetime must be unset",
        "the user's token, one word",
    )
    offering_uuid: str = variable(
        "CLOUDROCK_OFFERING_UUID",
        "The offering whose orders are carried out",
        "a UUID, 32 hexadecimal digits",
    )
    sync_direction: SyncDirection | None = variable(
        "CLOUDROCK_SYNC_DIRECTION",
        "Which side `python3 -m cloudrock_slurm.main` serves (required there)",
        "pull or push",
        None,
    )
    verify_ssl: bool = variable(
        "REQUESTS_VERIFY_SSL",
        "Whether the marketplace's certificate is checked",
        "true or false",
        default=True,
    )
    deployment_type: DeploymentType = variable(
        "SLURM_DEPLOYMENT_TYPE", "Where SLURM's commands run", "docker or native", DeploymentType.DOCKER
    )
    container_name: str | None = variable(
        "SLURM_CONTAINER_NAME",
        "The container with SLURM's commands (required when SLURM_DEPLOYMENT_TYPE is docker)",
        "the name of a running container",
        None,
    )
    customer_prefix: str = variable(
        "SLURM_CUSTOMER_PREFIX", "Begins every customer's account", "at least one of a-z 0-9 _ . -", "hpc_"
    )
    project_prefix: str = variable(
        "SLURM_PROJECT_PREFIX", "Begins every project's account", "at least one of a-z 0-9 _ . -", "hpc_"
    )
    allocation_prefix: str = variable(
        "SLURM_ALLOCATION_PREFIX",
        "Begins every allocation's account",
        "at least one of a-z 0-9 _ . -",
        "hpc_",
    )
    allocation_name_max_len: int = variable(
        "SLURM_ALLOCATION_NAME_MAX_LEN",
        "Longest name of an allocation's account",
        f"a number that leaves room for the prefix and {SHORTEST_HEX} digits, at most {LONGEST_ACCOUNT}",
        34,
    )
    default_account: str = variable(
        "SLURM_DEFAULT_ACCOUNT",
        "The default account of users; it must exist on the cluster and is never changed",
        "the name of a SLURM account",
        "cloudrock",
    )
    username_source: UsernameSource = variable(
        "CLOUDROCK_SLURM_USERNAME_SOURCE",
        "Whose names team members have on the cluster: the marketplace's, FreeIPA's (needs a staff token), "
        "or those that the provider gave to the offering's users",
        "local, freeipa or offering",
        UsernameSource.LOCAL,
    )
    tres_config_path: Path = variable(
        "SLURM_TRES_CONFIG_PATH",
        "The file that describes the components",
        "the path of a YAML file",
        Path("config-components.yaml"),
    )
    order_approval: OrderApproval = variable(
        "CLOUDROCK_ORDER_APPROVAL",
        "Who approves pending order items: a person in the portal, or this agent",
        "manual or auto",
        OrderApproval.MANUAL,
    )
    terminate_jobs: TerminateJobs = variable(
        "SLURM_TERMINATE_JOBS",
        "What happens to the jobs of a terminated allocation, and of a member who left the project",
        "cancel or wait",
        TerminateJobs.CANCEL,
    )
    limits_owner: LimitsOwner = variable(
        "SLURM_LIMITS_OWNER",
        "Who decides when an allocation's limits on the cluster differ from what was ordered: the cluster "
        "(the difference is reported), or the marketplace (it is overwritten)",
        "slurm or cloudrock",
        LimitsOwner.SLURM,
    )
    max_removals: int = variable(
        "SYNC_MAX_REMOVALS",
        "Most accounts and members that one run may remove without being told to go on",
        "a number, 0 or more",
        20,
    )
    create_homedirs: bool = variable(
        "ENABLE_USER_HOMEDIR_ACCOUNT_CREATION",
        "Whether home directories are made for users who get an association",
        "true or false",
        default=False,
    )
    homedir_umask: str = variable(
        "USER_HOMEDIR_UMASK",
        "The umask of those home directories",
        "three or four octal digits",
        "0077",
    )

    @field_validator("api_token")
    @classmethod
    def one_word(cls, token: SecretStr) -> SecretStr:
        """A header cannot hold anything else."""
        if not re.fullmatch(r"[!-~]+", token.get_secret_value()):
            raise ValueError
        return token

    @field_validator("offering_uuid")
    @classmethod
    def undashed(cls, text: str) -> str:
        """The marketplace writes UUIDs without dashes."""
        return UUID(text).hex

    @field_validator("customer_prefix", "project_prefix", "allocation_prefix", "default_account")
    @classmethod
    def legal(cls, text: str) -> str:
        """What SLURM takes as a name; never empty, so never everything, and never root."""
        if not LEGAL_NAME.fullmatch(text) or text == "root":
            raise ValueError
        return text

    @field_validator("container_name")
    @classmethod
    def named(cls, text: str | None, info: ValidationInfo) -> str | None:
        """Docker's own rule for names; needed only where there is a container."""
        if text is None and info.data.get("deployment_type") is DeploymentType.DOCKER:
            raise PydanticCustomError("missing", "needed when SLURM_DEPLOYMENT_TYPE is docker")
        if text is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text):
            raise ValueError
        return text

    @field_validator("allocation_name_max_len")
    @classmethod
    def roomy(cls, length: int, info: ValidationInfo) -> int:
        """An account's name must at least hold the prefix and the digits that make it unique."""
        prefix = info.data.get("allocation_prefix", "")
        if not len(prefix) + SHORTEST_HEX <= length <= LONGEST_ACCOUNT:
            raise ValueError
        return length

    @field_validator("max_removals")
    @classmethod
    def not_negative(cls, number: int) -> int:
        """A cap of 0 lets no run remove anything."""
        if number < 0:
            raise ValueError
        return number

    @field_validator("homedir_umask")
    @classmethod
    def octal(cls, text: str) -> str:
        """What mkhomedir_helper takes."""
        if not re.fullmatch(r"0?[0-7]{3}", text):
            raise ValueError
        return text.zfill(4)

    @property
    def naming(self) -> NamingRules:
        """How accounts are named here."""
        return NamingRules(
            customer_prefix=self.customer_prefix,
            project_prefix=self.project_prefix,
            allocation_prefix=self.allocation_prefix,
            allocation_max_length=self.allocation_name_max_len,
        )


def load_settings() -> Settings:
    """The settings, or SettingsError with one line per variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(complaints(Settings, error))) from None


def load_components(settings: Settings) -> Components:
    """The components of the file that the settings name.

    Raises:
        SettingsError: the file cannot be read.
        InvalidComponents: it says something it may not.
    """
    path = settings.tres_config_path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(
            f"SLURM_TRES_CONFIG_PATH: cannot read {str(path.absolute())!r} ({reason}): "
            "expected the path of a YAML file"
        ) from None
    return parse_components(text, str(path))


def load_rules(settings: Settings, *, adopt_parents: bool = False) -> Rules:
    """How this site turns orders into accounts."""
    return Rules(
        naming=settings.naming,
        components=load_components(settings),
        default_account=AccountName(settings.default_account),
        cancel_jobs=settings.terminate_jobs is TerminateJobs.CANCEL,
        own_limits=settings.limits_owner is LimitsOwner.CLOUDROCK,
        adopt_parents=adopt_parents,
        make_homes=settings.create_homedirs,
    )


def lend_to_matplotlib(settings: Settings) -> None:
    """Let matplotlib keep its list of fonts in CLOUDROCK_STATE_DIR; without, it writes to the user's home.

    To be called before matplotlib is imported; an administrator's own MPLCONFIGDIR stays.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(settings.state_dir.absolute() / "matplotlib"))


def command_environment() -> dict[str, str]:
    """The environment for SLURM's commands: the agent's own, without what is ours to know."""
    return {name: value for name, value in os.environ.items() if not name.startswith((*OURS, *OPTIONS))}


def inherited(names: tuple[str, ...]) -> dict[str, str]:
    """Of the agent's own environment, what is set of these variables."""
    return {name: os.environ[name] for name in names if name in os.environ}
