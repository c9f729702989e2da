"""The relay of a quick cluster passes everything on, both ways, and its ends too."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from sandbox.slurm.places import free_ports
from sandbox.slurm.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = "127.0.0.1"
LARGE = os.urandom(5_000_000)


@pytest.fixture
def ports() -> tuple[int, int]:
    """The relay's, and the one behind it; the relay serves until the tests end."""
    front, behind = free_ports(2)
    threading.Thread(target=Relay(HERE, front, behind).serve, daemon=True).start()
    return front, behind


@pytest.fixture
def ends(ports: tuple[int, int]) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client, and whoever it reaches."""
    with (
        socket.create_server((HERE, ports[1])) as listener,
        socket.create_connection((HERE, ports[0]), timeout=10) as client,
        listener.accept()[0] as server,
    ):
        server.settimeout(10)
        yield client, server


def received(end: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (piece := end.recv(1 << 20)):
        data += piece
    return bytes(data)


@pytest.mark.parametrize("direction", [0, 1], ids=["to slurmdbd", "to the client"])
def test_every_byte_arrives_in_order(ends: tuple[socket.socket, socket.socket], direction: int) -> None:
    here, there = ends[direction], ends[1 - direction]
    sending = threading.Thread(target=here.sendall, args=(LARGE,))
    sending.start()
    assert received(there, len(LARGE)) == LARGE
    sending.join()


@pytest.mark.parametrize("which", [0, 1], ids=["the client", "slurmdbd"])
def test_when_one_side_ends_so_does_the_other(ends: tuple[socket.socket, socket.socket], which: int) -> None:
    ends[which].close()
    assert ends[1 - which].recv(1) == b""


def test_without_slurmdbd_a_client_is_turned_away_and_the_next_one_is_served(ports: tuple[int, int]) -> None:
    with (
        socket.create_connection((HERE, ports[0]), timeout=10) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.recv(1)
    with (
        socket.create_server((HERE, ports[1])) as listener,
        socket.create_connection((HERE, ports[0]), timeout=10) as client,
        listener.accept()[0] as server,
    ):
        client.sendall(b"there?")
        assert server.recv(6) == b"there?"
