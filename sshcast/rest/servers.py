"""The server route of REST: it shows which servers there are, and never how sshcast signs in to them."""

from starlette.requests import Request
from starlette.responses import Response

from db.servers import ServerFilter
from resolvers import servers
from resolvers.validation import check_tag
from sshcast.http import bearer
from sshcast.rest import objects, shapes
from sshcast.rest.operation import Operation, answer_json
from sshcast.rest.pages import PAGE, build_page_answer, build_page_request, define_name_filter
from sshcast.rest.parameters import Parameter, define_integer, read_parameters

PARAMETERS = (
    *PAGE,
    define_name_filter("Only servers whose name holds this text, in upper or lower case."),
    Parameter(
        "tag",
        "Only servers with this tag.",
        {"type": "string", "maxLength": 64},
        lambda found: check_tag("tag", found["tag"]) if "tag" in found else None,
    ),
    define_integer("status", "Only servers that are disabled (0) or enabled (1).", 0, 1),
)


async def _list_servers(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    found = read_parameters(request, PARAMETERS)
    filter = ServerFilter(
        name_contains=found["name"],
        tag=found["tag"],
        enabled=None if found["status"] is None else bool(found["status"]),
    )
    page = await servers.page(ctx, filter, build_page_request(found))
    jumps = {row.jump_server_id for row in page.rows if row.jump_server_id is not None}
    seen = {row.id for row in await servers.get_many(ctx, sorted(jumps)) if row is not None} if jumps else set()
    return await build_page_answer(page, [shapes.build_server(row, seen) for row in page.rows])


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/servers",
        id="listServers",
        tag="servers",
        handler=_list_servers,
        summary="List the servers that you may see",
        description="Filters combine with AND; an empty one counts as absent. `id` is the `server_id` of tasks.",
        parameters=PARAMETERS,
        answers=answer_json(objects.ServerPage, "A page of servers, newest first."),
    ),
)
