"""Local time in a zone, and the moments at which its UTC offset changes."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

# Since 1970, and in the rules that zones have for the future, two changes that undo each other are at least 6.9 days
# apart (America/Noronha 2000, Asia/Gaza 2040): an equal offset one such step later means no change.
STEP = timedelta(days=3)
SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1)
def list_zones() -> frozenset[str]:
    """Return every IANA zone name; listing them reads the whole zone directory (5 ms)."""
    return frozenset(available_timezones())


def find_utc_offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def to_wall_time(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the local time in the zone, without a zone attached."""
    return moment.astimezone(zone).replace(tzinfo=None)


def find_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime | None:
    """Return the first moment after `low`, up to `high` (both UTC), at which the zone's offset differs, or None."""
    before = find_utc_offset(low, zone)
    while low < high:
        step = min(low + STEP, high)
        if find_utc_offset(step, zone) != before:
            return _bisect_change(zone, low, step)
        low = step
    return None


def _bisect_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the moment of the change between `low` and `high`, to the second: offsets change at whole seconds."""
    before = find_utc_offset(low, zone)
    while high - low > SECOND:
        middle = low + (high - low) / 2
        if find_utc_offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def find_repeat_end(zone: ZoneInfo, moment: datetime) -> datetime:
    """Return the wall time that ends the repeated hour whose second pass contains `moment` (UTC)."""
    early = moment - timedelta(days=1, hours=1)
    change = find_change(zone, early, moment) or moment
    return (change + find_utc_offset(early, zone)).replace(tzinfo=None)
