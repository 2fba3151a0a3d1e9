"""Our send and receive through our broker, in bulk."""

from functools import partial

from .cases import MODES, PATIENCE, Case, fresh, volume_text
from .ours import check_made_up, check_received, check_sent

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
                check_made_up(check_received(taking, COUNT, PATIENCE), COUNT, SIZE)
            with self.ours.receive(broker.port, address, "--drain", "--quiet") as left:
                check_received(left, 0, PATIENCE)
