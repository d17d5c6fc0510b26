"""The process of the peer parallel-ssh: reads what is wanted as JSON, prints the fields of `bench.load.Figures`.

Runs in the peers' environment, which has nothing of ours.
"""

import json
import sys
import time
from importlib import import_module
from typing import Any


def main(wanted: dict[str, Any], gevent: Any, clients: Any) -> None:
    chosen = [wanted["targets"][number % len(wanted["targets"])] for number in range(wanted["at_once"])]
    connections = [
        clients.SSHClient(host, port=port, user=user, pkey=key, num_retries=1) for host, port, user, key in chosen
    ]
    latencies: list[float] = []
    left = iter(range(wanted["runs"]))

    def run(connection: Any) -> None:
        output = connection.run_command(wanted["command"])
        printed = "".join(f"{line}\n" for line in output.stdout)
        connection.wait_finished(output)
        if printed != wanted["printed"] or output.exit_code != 0:
            raise RuntimeError(f"exit status {output.exit_code}: {printed!r}")

    def work(connection: Any) -> None:
        while time.perf_counter() < begun + wanted["seconds"] and next(left, None) is not None:
            start = time.perf_counter()
            run(connection)
            latencies.append(time.perf_counter() - start)

    gevent.joinall([gevent.spawn(run, each) for each in connections], raise_error=True)
    begun, cpu = time.perf_counter(), time.process_time()
    gevent.joinall([gevent.spawn(work, each) for each in connections], raise_error=True)
    seconds = time.perf_counter() - begun
    print(json.dumps({"latencies": latencies, "seconds": seconds, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main(json.load(sys.stdin), import_module("gevent"), import_module("pssh.clients"))
