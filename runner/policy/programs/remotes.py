"""Simulates programs that run a command elsewhere: on another host, in a container."""

import re
from collections.abc import Callable
from itertools import pairwise

from runner.policy import placeholders
from runner.policy.programs.options import OptionSpec, parse_leading_options
from runner.policy.programs.shells import run_stdin
from runner.policy.shell.protocol import Argv, SimulatedShell, get_program_name
from runner.policy.shell.state import Values
from runner.policy.tables import map_names, split_names

SSH = OptionSpec("bBcDeEFIiJLlmOoPpQRSwW")
CONTAINER = OptionSpec(
    "euwvpcnhlam",
    split_names(
        "--env --user --workdir --volume --publish --name --network --net --mount --entrypoint --env-file"
        " --hostname --label --memory --cpus --restart --platform --add-host --dns --device --cap-add --cap-drop"
        " --security-opt --pid --ipc --userns --uts --gpus --ulimit --shm-size --tmpfs --volumes-from --link"
        " --log-driver --log-opt --expose --host --context --container --namespace --image --kubeconfig --cluster"
        " --file --project-name --profile --pull"
    ),
)


def _simulate_ssh(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate the command on the other host; without one, the other host runs the input."""
    found = parse_leading_options(argv[1:], SSH)
    for name, value in found.values:
        command = re.match(r"(?:Proxy|Local|KnownHosts)Command[= ](.+)", value, re.IGNORECASE)
        if name == "o" and command:
            shell.run_text(command[1], "ssh -o")
    words = parse_leading_options(found.rest[1:], SSH).rest
    if words:
        shell.run_remotely(" ".join(placeholders.restore_wildcards(word) for word in words), "ssh")
    elif found.rest and not found.has("N", "f", "W", "O"):
        run_stdin(shell, "ssh")
    return (placeholders.REMOTE,)


def _simulate_container(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `docker run image command…`, `docker exec name command…` and `kubectl exec pod -- command…`."""
    name = get_program_name(argv[0])
    found = parse_leading_options(argv[1:], CONTAINER)
    rest = found.rest
    if rest[:1] in (("compose",), ("container",)):
        rest = parse_leading_options(rest[1:], CONTAINER).rest
    if not rest or rest[0] not in ("run", "exec", "create"):
        return (placeholders.OUTPUT,)
    inner = parse_leading_options(rest[1:], CONTAINER)
    command = inner.rest[1:]
    if command[:1] == ("--",):
        command = command[1:]
    elif command and command[0].startswith("-"):
        command = parse_leading_options(command, CONTAINER).rest
    entry = inner.get_value("--entrypoint")
    command = (entry, *command) if entry else command
    if command:
        shell.invoke(command, f"{name} {rest[0]}")
    return (placeholders.OUTPUT,)


def _simulate_ansible(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `ansible hosts -m shell -a command`."""
    for word, following in pairwise(argv[1:]):
        if word in ("-a", "--args"):
            shell.run_text(following, "ansible", lenient=True)
    return (placeholders.OUTPUT,)


HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    **map_names("ssh slogin autossh rsh mosh dbclient", _simulate_ssh),
    **map_names(
        "docker podman nerdctl kubectl oc docker-compose podman-compose crictl ctr lxc incus", _simulate_container
    ),
    "ansible": _simulate_ansible,
}
