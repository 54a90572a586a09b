"""Schedules of crons: when the next tick is.

Five fields as in crontab (minute, hour, day of month, month, day of week), six with seconds at the end, or `@hourly` and
its like. Days of month and week as in Debian's cron: either will do when both are restricted. So are changes of daylight
saving: a time that is skipped comes at the end of the gap, one that is repeated comes once; schedules of every minute or hour
(`*`) go by the clock.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError

from allograph.errors import Invalid

NAMED = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip

LONGEST = 1000
"""Characters of a schedule."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that was found to be one; see `parse`."""

    expression: str
    zone: tzinfo

    @classmethod
    def parse(cls, schedule: str, timezone: str | None) -> Schedule:
        """Raises `Invalid` for what is no schedule, or no time zone of the IANA database."""
        parts = NAMED.get(schedule.strip().lower(), schedule).split()
        if len(parts) == 6:
            parts = [parts[5], *parts[:5]]  # where cronsim has the seconds
        expression = " ".join(parts)
        try:
            if len(parts) not in (5, 6) or len(schedule) > LONGEST:
                raise CronSimError(f"{len(parts)} fields")
            CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise Invalid(
                f"schedule is {schedule[:100]!r} ({str(error)[:1].lower()}{str(error)[1:]}); expected minute, hour, day of month, "
                f"month and day of week, seconds behind them if wanted, such as '*/5 * * * *', or one of {', '.join(NAMED)}"
            ) from None
        return cls(expression, _zone(timezone))

    def after(self, moment: datetime) -> datetime | None:
        """The first tick later than `moment`, in UTC; None when there is none within 50 years."""
        for tick in CronSim(self.expression, moment.astimezone(self.zone)):
            # In an hour that is repeated, cronsim begins with the first one again.
            if (found := tick.astimezone(UTC)) > moment:
                return found
        return None


def _zone(timezone: str | None) -> tzinfo:
    if timezone is None:
        return UTC
    try:
        return zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of the database
        raise Invalid(
            f"timezone is {timezone[:100]!r}; expected the name of a time zone in the IANA database, such as 'America/New_York'"
        ) from None


def next_run(schedule: Schedule, after: datetime, end_time: datetime | None) -> datetime | None:
    """The next tick of a cron; None when it comes after the cron's end, or never."""
    tick = schedule.after(after)
    return None if tick is None or (end_time is not None and tick > end_time) else tick
