"""Makes mutations that return the caller's mistakes in their payloads."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar, cast

from resolvers.errors import NotFound, ServiceError
from schema.errors import TOP_LEVEL
from schema.fields import typed_field
from schema.operation import Info
from schema.user_errors import build_user_error

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


def payload_mutation(payload: Any, description: str, *, signing_in: bool = False) -> Callable[[Resolver], Resolver]:
    """Make a mutation that returns the caller's mistakes in the payload's `errors` and raises all other errors.

    With `signing_in`, where nobody needs to be signed in, a wrong password or token counts as a mistake too.
    """
    top_level = TOP_LEVEL if signing_in else TOP_LEVEL | {"UNAUTHENTICATED"}

    def decorate(resolve: Resolver) -> Resolver:
        @wraps(resolve)
        async def answer(self: Any, info: Info, **given: Any) -> Any:
            try:
                return await resolve(self, info, **given)
            except ServiceError as error:
                if error.code in top_level:
                    raise
                error.field = _locate_error(error, given.get("input"))
                return payload(errors=[build_user_error(error, info.context.ctx.language)])

        field: Any = typed_field(payload | None, description)(answer)
        for argument in field.arguments:
            argument.description = "The input of the mutation."
        return cast("Resolver", field)

    return decorate


def _locate_error(error: ServiceError, input: Any) -> tuple[str, ...]:
    """Return the input field that is wrong.

    Where an object is at fault rather than a value (it does not exist, its server is disabled, a task's own command is
    refused), that is the field with the object's id.
    """
    names = [item.name for item in fields(input)] if input is not None else []
    if (error.field and error.field[0] in names) or (not error.field and not isinstance(error, NotFound)):
        return error.field
    return next(((name,) for name in ("id", "task_id", "execution_id") if name in names), ())
