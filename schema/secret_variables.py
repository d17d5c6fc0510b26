"""Secret environment variables: given with a value or a registered secret, shown by name only."""

from collections.abc import Mapping
from typing import Any

import strawberry

from resolvers import inputs
from runner.secrets.secret import Secret
from schema.fields import typed_field


@strawberry.type(description="A secret environment variable. Its value is never shown.")
class SecretVariable:
    name: str = strawberry.field(description="The variable's name.")
    secret: str | None = strawberry.field(
        description="The name of the registered secret that it takes its value from; null if it has a value of its own."
    )


def build_secret_env_field() -> Any:
    """Return the field of a task or an execution."""
    field = typed_field(
        list[SecretVariable], "Its secret environment variables, ordered by name.", reads=["secret_env"]
    )
    return field(_list_secret_variables)


def _list_secret_variables(self: Any) -> list[SecretVariable]:
    return list_secret_variables(self.secret_env)


def list_secret_variables(sources: Mapping[str, str | None]) -> list[SecretVariable]:
    """Return what a row shows that has the source of each variable by its name."""
    return [SecretVariable(name=name, secret=sources[name]) for name in sorted(sources)]


@strawberry.input(
    description="An environment variable whose value is stored encrypted, never shown, and masked in output."
)
class SecretVariableInput:
    name: str = strawberry.field(
        description="The variable's name: letters, digits and _, not beginning with a digit, and not also in `env`."
    )
    value: str | None = strawberry.field(
        default=None, description="The value, 6 to 32,768 characters. It cannot be read back."
    )
    secret: str | None = strawberry.field(
        default=None,
        description="Instead of a value, the name of a registered secret, whose value at the start of the run is used.",
    )

    def convert(self) -> inputs.SecretVariable:
        value = None if self.value is None else Secret(self.value)
        return inputs.SecretVariable(name=self.name, value=value, secret=self.secret)
