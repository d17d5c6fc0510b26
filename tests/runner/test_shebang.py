"""A command's first line chooses its shell by a closed grammar; what else it names is refused with the reason."""

import pytest

from runner.admission.shebang import ShebangRefused, build_argv, parse_shebang

SHELLS = {
    "ls": None,
    "# a comment\nls": None,
    "\n#!/bin/bash\nls": None,
    " #!/bin/bash\nls": None,
    "#!/bin/sh\nls": "/bin/sh",
    "#!/bin/bash": "/bin/bash",
    "#! /bin/bash\nls": "/bin/bash",
    "#!\t/usr/bin/bash \t\nls": "/usr/bin/bash",
    "#!/bin/dash -e\nls": "/bin/dash -e",
    "#!/usr/bin/ksh -x\nls": "/usr/bin/ksh -x",
    "#!/bin/bash -eux\nls": "/bin/bash -eux",
    "#!/bin/bash -e  -u -x -o pipefail\nls": "/bin/bash -e -u -x -o pipefail",
    "#!/bin/bash -euo pipefail\nls": "/bin/bash -euo pipefail",
    "#!/usr/bin/env bash\nls": "/usr/bin/env bash",
    "#!/usr/bin/env ksh -e\nls": "/usr/bin/env ksh -e",
    "#!/bin/env dash\nls": "/bin/env dash",
}


@pytest.mark.parametrize(("command", "shell"), SHELLS.items())
def test_the_first_line_chooses_the_shell_and_its_options(command: str, shell: str | None) -> None:
    assert parse_shebang(command) == shell


WORDS = {
    None: ("/bin/sh",),
    "/bin/dash -e": ("/bin/dash", "-e"),
    "/bin/bash -eu -o pipefail": ("/bin/bash", "--norc", "-eu", "-o", "pipefail"),
    "/usr/bin/env bash": ("/usr/bin/env", "bash", "--norc"),
}


@pytest.mark.parametrize(("shell", "found"), WORDS.items())
def test_the_shell_is_run_without_reading_login_files(shell: str | None, found: tuple[str, ...]) -> None:
    assert build_argv(shell) == found


REFUSED = {
    "#!/usr/bin/python3": "only shells are run here",
    "#!/usr/bin/env python3": "names python3",
    "#!/usr/bin/env -S bash -e": "gives env -S",
    "#!/usr/bin/env -i bash": "gives env -i",
    "#!/usr/bin/env PATH=/x bash": "gives env PATH=/x",
    "#!/usr/bin/env": "names nothing",
    "#!": "names nothing",
    "#!bash": "names bash",
    "#!/usr/local/bin/bash": "names /usr/local/bin/bash",
    "#!/bin/bash;id": "names /bin/bash;id",
    "#!/bin/../bin/bash": "names /bin/../bin/bash",
    "#!/bin/zsh": "names /bin/zsh",
    "#!/bin/busybox sh": "names /bin/busybox",
    "#!/usr/bin/sh": "write #!/bin/sh",
    "#!/usr/bin/env sh": "write #!/bin/sh",
    "#!/bin/bash -i": "gives the shell -i",
    "#!/bin/bash -l": "gives the shell -l",
    "#!/bin/bash -ec": "gives the shell -ec",
    "#!/bin/bash --norc": "gives the shell --norc",
    "#!/bin/bash +e": "gives the shell +e",
    "#!/bin/bash -": "gives the shell -",
    "#!/bin/bash -o": "gives the shell -o",
    "#!/bin/bash -o posix": "gives the shell -o posix",
    "#!/bin/bash -opipefail": "gives the shell -opipefail",
    "#!/bin/bash pipefail": "gives the shell pipefail",
    "#!/bin/bash -e # why": "gives the shell #",
    "#!/bin/bash /tmp/x": "gives the shell /tmp/x",
    "#!/bin/bash\u00a0-e": "names /bin/bash\\xa0-e",
    "#!/bin/bash " + "-e " * 40: "more than 100 characters",
}


@pytest.mark.parametrize(("line", "why"), REFUSED.items())
def test_any_other_first_line_is_refused_with_its_reason(line: str, why: str) -> None:
    with pytest.raises(ShebangRefused) as caught:
        parse_shebang(f"{line}\nls")
    assert why in caught.value.en
    assert "首行" in caught.value.zh
