from __future__ import annotations

from pathlib import Path

from sandbox.slurm import config
from sandbox.slurm.config import Ports, Setting
from sandbox.slurm.loopback import Host
from sandbox.slurm.places import Places

PLACES = Places(Path("/srv/c"), Path("/srv/c/run"))
SETTING = Setting(
    PLACES, Ports(21001, 21002, (21003, 21004)), Host("localhost", "127.0.0.1", (), loopback_only=True), "ada"
)


def lines(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_every_daemon_of_slurm_is_told_loopback_and_its_own_port() -> None:
    conf = lines(config.slurm_conf(SETTING))
    assert conf["SlurmctldHost"] == "localhost(127.0.0.1)"
    assert conf["SlurmctldPort"] == "21002"
    assert conf["AccountingStorageHost"] == "127.0.0.1"
    assert conf["AccountingStoragePort"] == "21001"
    assert conf["CommunicationParameters"] == "NoInAddrAny,NoCtldInAddrAny"
    nodes = [line for line in config.slurm_conf(SETTING).splitlines() if line.startswith("NodeName=")]
    assert [("NodeAddr=127.0.0.1 Port=2100" in line) for line in nodes] == [True, True]


def test_slurmdbd_listens_where_the_others_look_for_it() -> None:
    conf = lines(config.slurmdbd_conf(SETTING))
    assert (conf["DbdAddr"], conf["DbdPort"]) == ("127.0.0.1", "21001")
    assert conf["CommunicationParameters"] == "NoInAddrAny,NoCtldInAddrAny"


def test_the_database_opens_no_port() -> None:
    assert "skip-networking" in config.my_cnf(SETTING).splitlines()


def test_daemons_run_as_whoever_starts_them() -> None:
    assert lines(config.slurm_conf(SETTING))["SlurmUser"] == "ada"
    assert lines(config.slurm_conf(SETTING))["SlurmdUser"] == "ada"
    assert lines(config.slurmdbd_conf(SETTING))["StorageUser"] == "ada"


def test_both_nodes_have_their_gpus_from_files_of_the_cluster() -> None:
    assert config.gres_conf(PLACES) == "NodeName=n1,n2 Name=gpu Type=a100 File=/srv/c/run/gpus/gpu[0-7]\n"
    assert config.slurm_conf(SETTING).count("Gres=gpu:a100:8") == 2


def test_a_machine_without_loopback_name_gets_no_setting_that_would_bind_to_its_real_address() -> None:
    host = Host("frontend", "127.0.0.1", (), loopback_only=False)
    setting = Setting(PLACES, SETTING.ports, host, "ada")
    assert "CommunicationParameters" not in lines(config.slurm_conf(setting))
