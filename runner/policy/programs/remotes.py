"""Programs that run a command elsewhere: on another host, in a container."""

import re
from collections.abc import Callable
from itertools import pairwise

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell, name_of
from runner.policy.following.state import Values
from runner.policy.programs.options import Takes, leading
from runner.policy.programs.shells import from_input
from runner.policy.tables import each, words

SSH = Takes("bBcDeEFIiJLlmOoPpQRSwW")
CONTAINER = Takes(
    "euwvpcnhlam",
    words(
        "--env --user --workdir --volume --publish --name --network --net --mount --entrypoint --env-file"
        " --hostname --label --memory --cpus --restart --platform --add-host --dns --device --cap-add --cap-drop"
        " --security-opt --pid --ipc --userns --uts --gpus --ulimit --shm-size --tmpfs --volumes-from --link"
        " --log-driver --log-opt --expose --host --context --container --namespace --image --kubeconfig --cluster"
        " --file --project-name --profile --pull"
    ),
)


def ssh(shell: Shell, argv: Argv) -> Values:
    """The command on the other host, if there is one; else its input is run there."""
    found = leading(argv[1:], SSH)
    for name, value in found.values:
        command = re.match(r"(?:Proxy|Local|KnownHosts)Command[= ](.+)", value, re.IGNORECASE)
        if name == "o" and command:
            shell.text(command[1], "ssh -o")
    words = leading(found.rest[1:], SSH).rest
    if words:
        shell.remotely(" ".join(marks.plain(word) for word in words), "ssh")
    elif found.rest and not found.has("N", "f", "W", "O"):
        from_input(shell, "ssh")
    return (marks.REMOTE,)


def container(shell: Shell, argv: Argv) -> Values:
    """`docker run image command…`, `docker exec name command…`, `kubectl exec pod -- command…`."""
    name = name_of(argv[0])
    found = leading(argv[1:], CONTAINER)
    rest = found.rest
    if rest[:1] in (("compose",), ("container",)):
        rest = leading(rest[1:], CONTAINER).rest
    if not rest or rest[0] not in ("run", "exec", "create"):
        return (marks.OUTPUT,)
    inner = leading(rest[1:], CONTAINER)
    command = inner.rest[1:]
    if command[:1] == ("--",):
        command = command[1:]
    elif command and command[0].startswith("-"):
        command = leading(command, CONTAINER).rest
    entry = inner.value("--entrypoint")
    command = (entry, *command) if entry else command
    if command:
        shell.invoke(command, f"{name} {rest[0]}")
    return (marks.OUTPUT,)


def ansible(shell: Shell, argv: Argv) -> Values:
    """`ansible hosts -m shell -a command`."""
    for word, following in pairwise(argv[1:]):
        if word in ("-a", "--args"):
            shell.text(following, "ansible", lenient=True)
    return (marks.OUTPUT,)


HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    **each("ssh slogin autossh rsh mosh dbclient", ssh),
    **each("docker podman nerdctl kubectl oc docker-compose podman-compose crictl ctr lxc incus", container),
    "ansible": ansible,
}
