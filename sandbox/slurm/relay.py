"""Between SLURM's clients and slurmdbd: passes every byte on at once.

SLURM sends a message's length and its body apart, and the kernel holds the body back until the length is
acknowledged, which the other side puts off for 40 ms: a `sacctmgr` that works for 20 ms takes 350. The relay
acknowledges at once and holds nothing back. It changes nothing of what is said.

`relay.py ADDRESS PORT SLURMDBD_PORT`; the standard library only, for it is started with every quick cluster.
"""

from __future__ import annotations

import selectors
import socket
import struct
import sys

CHUNK = 1 << 20
BACKLOG = 128
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing tells the other side that its connection was refused, not that all was said."""


class Relay:
    """Pairs of connections; one thread serves them all."""

    def __init__(self, address: str, port: int, slurmdbd_port: int) -> None:
        self.slurmdbd = (address, slurmdbd_port)
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server((address, port), backlog=BACKLOG)
        self.selector.register(self.listener, selectors.EVENT_READ, None)

    def serve(self) -> None:
        """Until the process is ended."""
        while True:
            for key, _ in self.selector.select():
                here, there = key.fileobj, key.data
                if there is None:
                    self.accept()
                elif isinstance(here, socket.socket) and here.fileno() >= 0:
                    self.forward(here, there)

    def accept(self) -> None:
        """A client and its connection to slurmdbd; without slurmdbd the client is turned away."""
        client, _ = self.listener.accept()
        try:
            slurmdbd = socket.create_connection(self.slurmdbd)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            return
        for one, other in ((client, slurmdbd), (slurmdbd, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            self.selector.register(one, selectors.EVENT_READ, other)

    def forward(self, here: socket.socket, there: socket.socket) -> None:
        """What has come in; the end of one side is the end of both, as SLURM has it."""
        try:
            data = here.recv(CHUNK)
            here.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            if data:
                there.sendall(data)
                there.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                return
        except OSError:
            pass
        for one in (here, there):
            self.selector.unregister(one)
            one.close()


if __name__ == "__main__":
    Relay(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).serve()
