"""Programs that run the command in their arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runner.policy import marks
from runner.policy.following import hooks
from runner.policy.following.shell import Argv, Shell
from runner.policy.following.state import Values
from runner.policy.programs import finding
from runner.policy.programs.options import Takes, leading

NOTHING: Values = ("",)


@dataclass(frozen=True, slots=True)
class Wrapper:
    """`skip` operands stand before the command. `text` says that the command is one text for a shell."""

    short: str = ""
    long: str = ""
    skip: int = 0
    text: bool = False


WRAPPERS: Mapping[str, Wrapper] = {
    "nice": Wrapper("n", "--adjustment"),
    "ionice": Wrapper("cnp", "--class --classdata --pid"),
    "nohup": Wrapper(),
    "setsid": Wrapper(),
    "timeout": Wrapper("ks", "--kill-after --signal", skip=1),
    "gtimeout": Wrapper("ks", "--kill-after --signal", skip=1),
    "time": Wrapper("fo", "--format --output"),
    "stdbuf": Wrapper("ioe", "--input --output --error"),
    "unbuffer": Wrapper(),
    "chrt": Wrapper("TPDp", "--sched-runtime --sched-period --sched-deadline --pid", skip=1),
    "taskset": Wrapper("p", "--pid", skip=1),
    "numactl": Wrapper("NCmipP", "--cpunodebind --physcpubind --membind --interleave --preferred --localalloc"),
    "watch": Wrapper("nq", "--interval --equexit", text=True),
    "exec": Wrapper("a"),
    "builtin": Wrapper(),
    "busybox": Wrapper(),
    "toybox": Wrapper(),
    "ltrace": Wrapper("abeilnopsuwx", ""),
    "strace": Wrapper("abeIopPsSuUXEO", "--trace --output --user --env --signal --attach"),
    "valgrind": Wrapper(),
    "perf": Wrapper("eopCF", "--event --output", skip=1),
    "catchsegv": Wrapper(),
    "eatmydata": Wrapper(),
    "fakeroot": Wrapper("lsib", "--lib --faked"),
    "prlimit": Wrapper("p", "--pid"),
    "choom": Wrapper("np", "--adjust --pid"),
    "softlimit": Wrapper("acdflmnoprst"),
    "chpst": Wrapper("uUbeCnlLmdofcrtpv/"),
    "setarch": Wrapper("p", "--pid", skip=1),
    "linux64": Wrapper(),
    "linux32": Wrapper(),
    "i386": Wrapper(),
    "x86_64": Wrapper(),
    "cpulimit": Wrapper("lpe", "--limit --pid --exe"),
    "cgexec": Wrapper("g"),
    "trickle": Wrapper("udwtln"),
    "proxychains": Wrapper("f"),
    "proxychains4": Wrapper("f"),
    "torsocks": Wrapper("uapP"),
    "tsocks": Wrapper(),
    "dbus-run-session": Wrapper("", "--config-file --dbus-daemon"),
    "dbus-launch": Wrapper("", ""),
    "systemd-cat": Wrapper("tp", "--identifier --priority --stderr-priority --level-prefix"),
    "systemd-inhibit": Wrapper("", "--what --who --why --mode"),
    "systemd-run": Wrapper(
        "Hptu",
        "--unit --property --slice --service-type --description --on-active --on-boot"
        " --on-calendar --setenv --working-directory --nice --timer-property --uid --gid --host --machine",
    ),
    "nsenter": Wrapper("tSG", "--target --setuid --setgid"),
    "unshare": Wrapper("SGRw", "--setuid --setgid --root --wd --map-user --map-group"),
    "chroot": Wrapper("", "--userspec --groups", skip=1),
    "setpriv": Wrapper(
        "",
        "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig"
        " --selinux-label --apparmor-profile",
    ),
    "sem": Wrapper("j", "--jobs --id"),
    "chronic": Wrapper(),
    "ifne": Wrapper(),
    "errno": Wrapper(),
    "with-contenv": Wrapper(),
    "dumb-init": Wrapper(),
    "tini": Wrapper("p"),
    "gosu": Wrapper(skip=1),
    "su-exec": Wrapper(skip=1),
    "xvfb-run": Wrapper("enpswf", "--server-num --server-args --error-file --auth-file"),
    "caffeinate": Wrapper("tw"),
    "rlwrap": Wrapper("bcCDfHiIlmMNopPqsStwz"),
    "setlock": Wrapper(skip=1),
    "lckdo": Wrapper("W", skip=1),
    "daemonize": Wrapper("acelpuoE"),
    "setuidgid": Wrapper(skip=1),
    "envdir": Wrapper(skip=1),
    "hyperfine": Wrapper(
        "wmMrsSpcDPLun", "--warmup --min-runs --max-runs --runs --setup --prepare --cleanup --shell", text=True
    ),
    "entr": Wrapper(),
    "pipexec": Wrapper(),
    "aa-exec": Wrapper("pn", "--profile --namespace"),
    "runcon": Wrapper("turl", "--type --user --role --range", skip=1),
    "firejail": Wrapper(),
    "bwrap": Wrapper(),
    "scl": Wrapper(skip=2, text=True),
    "poetry": Wrapper(skip=1),
    "pipenv": Wrapper(skip=1),
    "bundle": Wrapper(skip=1),
    "direnv": Wrapper(skip=2),
    "dotenv": Wrapper("fe", skip=0),
    "retry": Wrapper("dtmx", "--delay --times"),
    "tmux": Wrapper("csLfSnxyt", skip=1, text=True),
    "torify": Wrapper(),
    "ssh-agent": Wrapper("aEPt"),
    "faketime": Wrapper("f", skip=1),
    "daemon": Wrapper("nuDFPpolrEOxA", "--name --user --chdir --pidfile --output"),
    "s6-setuidgid": Wrapper(skip=1),
    "ld-linux-x86-64.so.2": Wrapper("", "--library-path --preload --argv0 --inhibit-rpath"),
    "ld-linux-aarch64.so.1": Wrapper("", "--library-path --preload --argv0"),
    "ld-linux.so.2": Wrapper("", "--library-path --preload --argv0"),
    "ld-musl-x86_64.so.1": Wrapper("", "--library-path --preload --argv0"),
    "ld.so": Wrapper("", "--library-path --preload --argv0"),
    "sshpass": Wrapper("pfdP"),
    "screen": Wrapper("cehpsStT"),
    "npx": Wrapper("p", "--package"),
    "uv": Wrapper("p", "--python --with --project", skip=1),
}
ONLY_WITH: Mapping[str, frozenset[str]] = {
    "poetry": frozenset({"run"}),
    "pipenv": frozenset({"run"}),
    "bundle": frozenset({"exec"}),
    "direnv": frozenset({"exec"}),
    "perf": frozenset({"stat", "record", "trace"}),
    "tmux": frozenset({"new-session", "new", "new-window", "neww", "split-window", "run-shell", "run", "splitw"}),
    "uv": frozenset({"run"}),
}
"""The first operand with which the program runs the others."""


def wrapped(shell: Shell, argv: Argv) -> Values:
    """Run what the program would run."""
    name = argv[0].rsplit("/", 1)[-1]
    spec = WRAPPERS[name]
    found = leading(argv[1:], Takes(spec.short, frozenset(spec.long.split())))
    if name in ONLY_WITH and (not found.rest or found.rest[0] not in ONLY_WITH[name]):
        return (marks.OUTPUT,)
    command = found.rest[spec.skip :]
    if name in ONLY_WITH:
        command = leading(command, Takes(spec.short, frozenset(spec.long.split()))).rest
    if name in ("busybox", "toybox") and found.has("--list", "--help"):
        return (marks.OUTPUT,)
    if not command:
        return (marks.OUTPUT,)
    if spec.text:
        return shell.text(" ".join(command), name)
    return shell.invoke(command, name)


def env(shell: Shell, argv: Argv) -> Values:
    """`env`, with `-S` and assignments."""
    args = argv[1:]
    found = leading(args, Takes("uCSa", frozenset({"--unset", "--chdir", "--split-string", "--argv0"})))
    rest = found.rest
    if (text := found.value("S", "--split-string")) is not None:
        rest = (*split(text), *rest)
    before = dict(shell.state.variables)
    while rest and is_assignment(rest[0]):
        name, _, value = rest[0].partition("=")
        shell.state.variables[name] = (value,)
        hooks.look_into(shell, name, (value,))
        rest = rest[1:]
    output = shell.invoke(rest, "env") if rest else (marks.OUTPUT,)
    shell.state.variables = before
    return output


def split(text: str) -> tuple[str, ...]:
    """The words of `env -S`: quotes and backslashes go."""
    return tuple(word.replace("'", "").replace('"', "").replace("\\_", " ").replace("\\", "") for word in text.split())


def is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.replace("_", "a").isalnum()


def command(shell: Shell, argv: Argv) -> Values:
    """`command`: with `-v` it prints where a program is."""
    found = leading(argv[1:], Takes())
    if found.has("v", "V"):
        return where(found.rest)
    return shell.invoke(found.rest, "command") if found.rest else NOTHING


def where(names: tuple[str, ...]) -> Values:
    return ("".join(f"{name if '/' in name else '/usr/bin/' + name}\n" for name in names),)


def which(shell: Shell, argv: Argv) -> Values:
    return where(leading(argv[1:], Takes()).rest)


def flock(shell: Shell, argv: Argv) -> Values:
    """`flock file command…` or `flock file -c text`."""
    found = leading(
        argv[1:],
        Takes("wEcn".replace("n", ""), frozenset({"--wait", "--timeout", "--conflict-exit-code", "--command"})),
    )
    rest = leading(found.rest[1:], Takes("c", frozenset({"--command"})))
    text = rest.value("c", "--command") or found.value("c", "--command")
    if text is not None:
        return shell.text(text, "flock -c")
    return shell.invoke(rest.rest, "flock") if rest.rest else NOTHING


def xargs(shell: Shell, argv: Argv) -> Values:
    """`xargs`, with what it would read as the arguments."""
    takes = Takes(
        "aEILnPsd", frozenset({"--arg-file", "--max-args", "--max-procs", "--delimiter", "--max-lines", "--replace"})
    )
    found = leading(argv[1:], takes)
    if not found.rest:
        return shell.stdin
    place = found.value("I", "--replace") or ("{}" if found.has("i", "--replace") else "")
    for text in shell.stdin[:8]:
        words = given(text)
        if not place:
            shell.invoke((*found.rest, *words), "xargs")
        for word in words[:32] if place else ():
            shell.invoke(tuple(part.replace(place, word) for part in found.rest), "xargs")
    return (marks.OUTPUT,)


def given(text: str) -> Argv:
    """The words of standard input; the paths that `find` prints keep their mark."""
    words = tuple(text.translate(DEQUOTE).split())
    found = tuple(word for word in words if marks.known(word) or word.endswith(marks.FOUND))
    return found if found and len(found) == len(words) else (*found, marks.OUTPUT)


DEQUOTE = {ord("'"): None, ord('"'): None, ord("\\"): None}


def parallel(shell: Shell, argv: Argv) -> Values:
    """GNU parallel: a text for a shell, arguments after `:::` or from its input."""
    takes = Takes(
        "jIaNnLPSd",
        frozenset({"--jobs", "--arg-file", "--joblog", "--delay", "--timeout", "--retries", "--colsep", "--results"}),
    )
    found = leading(argv[1:], takes)
    words = found.rest
    cut = next((place for place, word in enumerate(words) if word in (":::", "::::", ":::+")), len(words))
    template, arguments = " ".join(words[:cut]), words[cut + 1 :]
    if not arguments:
        arguments = tuple(line for text in shell.stdin for line in text.splitlines())[:32] or (marks.FOUND,)
    for argument in arguments[:32]:
        shell.text(substituted(template, argument), "parallel")
    return (marks.OUTPUT,)


def substituted(template: str, argument: str) -> str:
    if "{" in template:
        return template.replace("{}", argument).replace("{.}", argument).replace("{/}", argument)
    return f"{template} {argument}"


def find(shell: Shell, argv: Argv) -> Values:
    """`find … -exec command \\;`: `{}` is a path under where it looks."""
    words, places = argv[1:], finding.places(argv[1:])
    for index, word in enumerate(words):
        if word not in ("-exec", "-execdir", "-ok", "-okdir"):
            continue
        rest = words[index + 1 :]
        end = next((at for at, part in enumerate(rest) if part == ";" or (part == "+" and at)), len(rest))
        for place in places[:8] if end else ():
            shell.invoke(tuple(part.replace("{}", place) for part in rest[:end]), "find " + word)
    return ("".join(place + "\n" for place in places[:8]),)


HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    **dict.fromkeys(WRAPPERS, wrapped),
    "env": env,
    "command": command,
    "which": which,
    "type": which,
    "whereis": which,
    "flock": flock,
    "xargs": xargs,
    "parallel": parallel,
    "find": find,
}
