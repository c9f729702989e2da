"""The settings: every variable by its name, one line per bad one, secrets never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from allocations.accounts import NamingRules
from allocations.errors import InvalidComponents
from allocations.reconcile import Reconcile
from flows.choices import (
    DeploymentType,
    LimitsOwner,
    OrderApproval,
    SyncDirection,
    TerminateJobs,
    UsernameSource,
)
from flows.lock import lock_file
from flows.settings import (
    Settings,
    SettingsError,
    command_environment,
    lend_to_matplotlib,
    load_components,
    load_settings,
)
from flows.variables import table_of_variables
from flows.work_pool import load_work_pool, named_here
from slurm_io.breaker import Protection

ROOT = Path(__file__).parents[2]
COMPLETE = {
    "CLOUDROCK_API_URL": "https://cloudrock.example.com/api/",
    "CLOUDROCK_API_TOKEN": "0123456789abcdef0123456789abcdef01234567",
    "CLOUDROCK_OFFERING_UUID": "537bdaa7c001571d8956d0ba30a3726d",
    "SLURM_CONTAINER_NAME": "slurmctld",
}
VARIABLES = [str(field.validation_alias) for field in Settings.model_fields.values()]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.upper() in VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)


def complaints() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value).splitlines()


def test_the_defaults_are_those_that_were_promised(complete) -> None:
    settings = load_settings()
    assert settings.verify_ssl is True
    assert settings.deployment_type is DeploymentType.DOCKER
    assert settings.naming == NamingRules()
    assert settings.allocation_name_max_len == 34
    assert settings.default_account == "cloudrock"
    assert settings.username_source is UsernameSource.LOCAL
    assert settings.tres_config_path == Path("config-components.yaml")
    assert settings.sync_direction is None
    assert settings.order_approval is OrderApproval.MANUAL
    assert settings.terminate_jobs is TerminateJobs.CANCEL
    assert settings.limits_owner is LimitsOwner.SLURM
    assert settings.max_removals == 20
    assert (settings.create_homedirs, settings.homedir_umask) == (False, "0077")
    assert settings.usage_settling_days == 3
    assert settings.reconcile is Reconcile.BLOCK
    assert settings.state_dir == Path(".cloudrock-slurm")
    assert settings.protection == Protection(queries=2, slow_seconds=10, pause_seconds=120)
    assert (settings.cluster, settings.work_pool) == (None, "headnode")


def test_the_names_are_those_that_were_promised() -> None:
    assert sorted(VARIABLES) == [
        "CLOUDROCK_API_TOKEN",
        "CLOUDROCK_API_URL",
        "CLOUDROCK_CARRY_OVER",
        "CLOUDROCK_DATED_USAGE",
        "CLOUDROCK_MARK_MISSING_ERRED",
        "CLOUDROCK_MAX_UPLOADS",
        "CLOUDROCK_OFFERING_UUID",
        "CLOUDROCK_ORDER_APPROVAL",
        "CLOUDROCK_SLURM_USERNAME_SOURCE",
        "CLOUDROCK_STATE_DIR",
        "CLOUDROCK_SYNC_DIRECTION",
        "CLOUDROCK_WORK_POOL",
        "ENABLE_USER_HOMEDIR_ACCOUNT_CREATION",
        "REQUESTS_VERIFY_SSL",
        "SLURMDBD_MAX_QUERIES",
        "SLURMDBD_PAUSE_SECONDS",
        "SLURMDBD_SLOW_SECONDS",
        "SLURM_ALLOCATION_NAME_MAX_LEN",
        "SLURM_ALLOCATION_PREFIX",
        "SLURM_CLUSTER",
        "SLURM_CONTAINER_NAME",
        "SLURM_CUSTOMER_PREFIX",
        "SLURM_DEFAULT_ACCOUNT",
        "SLURM_DEPLOYMENT_TYPE",
        "SLURM_LIMITS_OWNER",
        "SLURM_PROJECT_PREFIX",
        "SLURM_TERMINATE_JOBS",
        "SLURM_TRES_CONFIG_PATH",
        "SYNC_MAX_REMOVALS",
        "SYNC_RECONCILE",
        "USAGE_SETTLING_DAYS",
        "USER_HOMEDIR_UMASK",
    ]


def test_every_missing_variable_has_one_line() -> None:
    assert complaints() == [
        "CLOUDROCK_API_URL: missing: expected an address such as https://cloudrock.example.com/api/",
        "CLOUDROCK_API_TOKEN: missing: expected the user's token, one word",
        "CLOUDROCK_OFFERING_UUID: missing: expected a UUID, 32 hexadecimal digits",
        "SLURM_CONTAINER_NAME: missing: expected the name of a running container",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CLOUDROCK_API_URL", "cloudrock.example.com"),
        ("CLOUDROCK_API_URL", "ftp://cloudrock.example.com/api/"),
        ("CLOUDROCK_OFFERING_UUID", "my-offering"),
        ("CLOUDROCK_SYNC_DIRECTION", "both"),
        ("REQUESTS_VERIFY_SSL", "maybe"),
        ("SLURM_DEPLOYMENT_TYPE", "podman"),
        ("SLURMDBD_MAX_QUERIES", "0"),
        ("CLOUDROCK_MAX_UPLOADS", "0"),
        ("CLOUDROCK_MAX_UPLOADS", "33"),
        ("SLURMDBD_SLOW_SECONDS", "0"),
        ("SLURMDBD_SLOW_SECONDS", "nan"),
        ("SLURMDBD_SLOW_SECONDS", "inf"),
        ("SLURMDBD_PAUSE_SECONDS", "-1"),
        ("SLURMDBD_PAUSE_SECONDS", "86401"),
        ("SLURM_CLUSTER", "a,b"),
        ("SLURM_CLUSTER", "x account=root"),
        ("SLURM_CLUSTER", ".."),
        ("CLOUDROCK_WORK_POOL", "Head node"),
        ("CLOUDROCK_WORK_POOL", "a_b"),
        ("SLURM_CONTAINER_NAME", "slurm ctld"),
        ("SLURM_CUSTOMER_PREFIX", "-hpc"),
        ("SLURM_PROJECT_PREFIX", "hpc,"),
        ("SLURM_ALLOCATION_PREFIX", "HPC_"),
        ("SLURM_ALLOCATION_NAME_MAX_LEN", "8"),
        ("SLURM_ALLOCATION_NAME_MAX_LEN", "256"),
        ("SLURM_ALLOCATION_NAME_MAX_LEN", "many"),
        ("SLURM_DEFAULT_ACCOUNT", "root"),
        ("SLURM_DEFAULT_ACCOUNT", "a b"),
        ("CLOUDROCK_SLURM_USERNAME_SOURCE", "ldap"),
        ("CLOUDROCK_ORDER_APPROVAL", "yes"),
        ("SLURM_TERMINATE_JOBS", "kill"),
        ("SLURM_LIMITS_OWNER", "both"),
        ("SYNC_MAX_REMOVALS", "-1"),
        ("SYNC_MAX_REMOVALS", "many"),
        ("SYNC_RECONCILE", "Block"),
        ("SYNC_RECONCILE", "true"),
        ("USAGE_SETTLING_DAYS", "1"),
        ("USAGE_SETTLING_DAYS", "three"),
        ("ENABLE_USER_HOMEDIR_ACCOUNT_CREATION", "maybe"),
        ("USER_HOMEDIR_UMASK", "0999"),
        ("USER_HOMEDIR_UMASK", "77"),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(
    complete, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    (line,) = complaints()
    assert line.startswith(f"{variable}: bad value {value!r}: expected ")


@pytest.mark.parametrize("token", ["two words", "tokén", "a\tb"])
def test_a_bad_token_is_refused_without_being_shown(
    complete, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", token)
    assert complaints() == ["CLOUDROCK_API_TOKEN: bad value: expected the user's token, one word"]


def test_the_token_is_not_shown_by_the_settings_themselves(complete) -> None:
    assert COMPLETE["CLOUDROCK_API_TOKEN"] not in repr(load_settings()) + str(load_settings().model_dump())


def test_an_empty_variable_counts_as_missing(complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", "")
    assert complaints() == ["CLOUDROCK_API_TOKEN: missing: expected the user's token, one word"]


def test_clusters_of_one_machine_keep_their_state_apart(complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDROCK_STATE_DIR", "/var/lib/cloudrock-slurm")
    assert lock_file(load_settings()) == Path("/var/lib/cloudrock-slurm/writer-slurmctld.lock")
    monkeypatch.setenv("SLURM_CLUSTER", "Alpha")
    settings = load_settings()
    assert settings.cluster == "alpha", "as slurmdbd keeps it"
    assert lock_file(settings) == Path("/var/lib/cloudrock-slurm/alpha/writer-slurmctld.lock")
    assert settings.state_dir == Path("/var/lib/cloudrock-slurm/alpha")


def test_what_would_be_an_option_of_slurm_s_commands_does_not_reach_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ("SLURM_CLUSTERS", "SQUEUE_STATES", "SCANCEL_STATE", "SACCT_FEDERATION", "SREPORT_CLUSTER")
    for name in (*options, "SLURM_CONF"):
        monkeypatch.setenv(name, "other")
    assert {name for name in command_environment() if name in (*options, "SLURM_CONF")} == {"SLURM_CONF"}


def test_the_work_pool_needs_no_other_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_work_pool(), named_here("usage")) == ("headnode", "usage")
    Path(".env").write_text("CLOUDROCK_WORK_POOL=beta\n")
    assert (load_work_pool(), named_here("usage")) == ("beta", "usage-beta")
    monkeypatch.setenv("CLOUDROCK_WORK_POOL", "Beta")
    with pytest.raises(SettingsError, match="CLOUDROCK_WORK_POOL: bad value 'Beta': expected lower-case"):
        load_work_pool()


def test_a_container_is_needed_only_for_docker(complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_CONTAINER_NAME")
    assert complaints() == ["SLURM_CONTAINER_NAME: missing: expected the name of a running container"]
    monkeypatch.setenv("SLURM_DEPLOYMENT_TYPE", "native")
    assert load_settings().container_name is None


def test_a_dotenv_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{name}={value}" for name, value in COMPLETE.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "CLOUDROCK_SYNC_DIRECTION=pull", "OTHER=1"]))
    assert load_settings().sync_direction is SyncDirection.PULL
    monkeypatch.setenv("CLOUDROCK_SYNC_DIRECTION", "push")
    assert load_settings().sync_direction is SyncDirection.PUSH


def test_a_uuid_with_dashes_is_the_same_offering(complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDROCK_OFFERING_UUID", "537BDAA7-c001-571d-8956-d0ba30a3726d")
    assert load_settings().offering_uuid == COMPLETE["CLOUDROCK_OFFERING_UUID"]


def test_slurm_s_commands_never_see_our_secrets(complete) -> None:
    assert not [name for name in command_environment() if name.startswith(("CLOUDROCK_", "PREFECT_"))]


def test_a_components_file_that_is_not_there_is_named(complete, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_components(load_settings())
    path = str(tmp_path / "config-components.yaml")
    assert str(caught.value) == (
        f"SLURM_TRES_CONFIG_PATH: cannot read {path!r} (No such file or directory): "
        "expected the path of a YAML file"
    )


def test_a_components_file_that_is_wrong_is_named_with_component_and_key(complete, tmp_path: Path) -> None:
    (tmp_path / "config-components.yaml").write_text("cpu: {limit: -1}\n")
    with pytest.raises(InvalidComponents) as caught:
        load_components(load_settings())
    lines = str(caught.value).splitlines()
    assert all(line.startswith("config-components.yaml: component 'cpu': key '") for line in lines)
    assert [line.split("'")[3] for line in lines] == ["limit", "measured_unit", "accounting_type", "label"]


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_a_page_s_table_of_variables_is_the_class_s_own(page: str) -> None:
    assert table_of_variables(Settings) in (ROOT / page).read_text()


@pytest.mark.parametrize(("own", "kept"), [(None, "/var/lib/agent/matplotlib"), ("/opt/fonts", "/opt/fonts")])
def test_matplotlib_writes_to_the_state_folder_unless_the_administrator_chose_another(
    own: str | None, kept: str, complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_STATE_DIR", "/var/lib/agent")
    monkeypatch.setenv("MPLCONFIGDIR", "undone by monkeypatch")
    monkeypatch.delenv("MPLCONFIGDIR")
    if own:
        monkeypatch.setenv("MPLCONFIGDIR", own)
    lend_to_matplotlib(load_settings())
    assert os.environ["MPLCONFIGDIR"] == kept
