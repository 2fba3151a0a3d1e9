"""Our send and receive through our broker, in bulk."""

from functools import partial

from .cases import MODES, PATIENCE, Case, fresh, volume_text
from .ours import check_received, check_sent
from .process import Failed

COUNT, SIZE = 100_000, 100


class BySelf:
    def __init__(self, ours):
        self.ours = ours

    def cases(self):
        for mode, settled in MODES.items():
            yield Case("self", "both", f"{volume_text(COUNT, SIZE)} {mode}", partial(self.transfer, settled))

    def transfer(self, settled):
        mode = ["--settled"] if settled else []
        address = fresh("queue")
        with self.ours.broker() as broker:
            with self.ours.receive(broker.port, address, "--count", str(COUNT), *mode) as taking:
                with self.ours.send(broker.port, address, "--count", str(COUNT), "--size", str(SIZE), *mode) as sending:
                    check_sent(sending, COUNT, settled, PATIENCE)
                check_in_order(check_received(taking, COUNT, PATIENCE))
            with self.ours.receive(broker.port, address, "--drain", "--quiet") as left:
                check_received(left, 0, PATIENCE)


def check_in_order(lines):
    """The bodies that send makes up begin with their number."""
    if len(lines) != COUNT:
        raise Failed(f"receive printed {len(lines)} lines for {COUNT} messages")
    for n, line in enumerate(lines):
        number = line[:10].lstrip(b"0") or b"0"
        if number != b"%d" % n or len(line) != SIZE:
            raise Failed(f"line {n} of receive is {line[:40]!r}, {len(line)} bytes")
