"""Fields of a task about its schedule that show what columns hold in a form of their own."""

from typing import Any

from resolvers import schedules
from runner.scheduling.terms import Terms
from schema.fields import typed_field
from schema.operation import Info
from schema.schedules import Count, ScheduledRun, ScheduleTerms, build_scheduled_runs


@typed_field(ScheduleTerms, "How its slots become runs: overlap, missed runs, retries and the like.", reads=["terms"])
def read_terms(self: Any) -> Any:
    return Terms.of(self.terms)


@typed_field(
    list[ScheduledRun],
    "Its next runs, in shadow those that cron has; none while it is disabled, or paused until `resumeTask`.",
)
async def list_next_runs(self: Any, info: Info, count: Count = 5) -> list[ScheduledRun]:
    server = None if self.server_id is None else await info.context.loaders.servers.load(self.server_id)
    windows = server.blackouts if server is not None else ()
    return build_scheduled_runs(schedules.list_next_runs(info.context.ctx, self, count, windows))
