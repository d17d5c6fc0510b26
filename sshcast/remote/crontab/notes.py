"""Says once what an import leaves as it is: mail, and what is started by neither crontab."""

from collections.abc import Sequence

from sshcast.remote.crontab.lines import Line
from sshcast.remote.printing import Printer


def tell_beside(printer: Printer, lines: Sequence[Line], timeout: int) -> None:
    """Say on stderr what is otherwise than under cron, where it concerns these lines."""
    if any("MAILTO" in line.variables for line in lines):
        printer.tell(
            "MAILTO: no mail is sent; the output of each run is in its record",
            "MAILTO：不发送邮件；每次运行的输出保存在其记录中",
        )
    if lines:
        printer.tell(
            f"cron has no time limit; these tasks have one of {timeout} s (--timeout)",
            f"cron 没有时限；这些任务的时限为 {timeout} 秒（--timeout）",
        )
    printer.tell("anacron and systemd timers are not read", "不读取 anacron 与 systemd 定时器")
