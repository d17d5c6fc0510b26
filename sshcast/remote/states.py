"""The colours of the states of runs, and their words in Chinese."""

STYLES = {
    "PENDING": "dim",
    "RUNNING": "cyan",
    "SUCCESS": "green",
    "FAILED": "red",
    "TIMEOUT": "yellow",
    "CANCELLED": "yellow",
}


def choose_style(state: str) -> str:
    return STYLES.get(state, "")
