"""Registered secrets. No field shows a value."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import inputs
from runner.secrets.secret import Secret
from schema.fields import loaded_field
from schema.ids import parse_optional_id
from schema.node_ids import Node, node_type
from schema.objects import Server, User

ForServer = Annotated[ID | None, strawberry.argument(description="Only secrets that runs on this server may use.")]


@node_type(
    name="Secret",
    description="A secret that runs can use by its name. Its value is never shown, and is masked in the output "
    "of every run that may use it, whether the run does or not.",
)
class RegisteredSecret(Node):
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The unique name by which runs use it.")
    server_id: ID | None = strawberry.field(
        description="The only server whose runs may use it; null if runs on every server may."
    )
    created_at: datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime = strawberry.field(description="When its value was last replaced.")

    server = loaded_field(
        Server | None,
        "The only server whose runs may use it; null if runs on every server may.",
        loader="servers",
        key="server_id",
    )

    created_by = loaded_field(User | None, "The user who registered it.", loader="users", key="created_by")


@strawberry.input(description="A secret to register.")
class CreateSecretInput:
    name: str = strawberry.field(description="A unique name, 1 to 100 characters.")
    value: str = strawberry.field(description="The value, 6 to 32,768 characters. It cannot be read back.")
    server_id: ID | None = strawberry.field(
        default=None, description="The only server whose runs may use it; without it, runs on every server may."
    )

    def convert(self) -> inputs.NewSecret:
        server_id = parse_optional_id("server_id", self.server_id)
        return inputs.NewSecret(name=self.name, value=Secret(self.value), server_id=server_id)


@strawberry.input(description="A new value for a registered secret.")
class UpdateSecretInput:
    id: ID = strawberry.field(description="The secret's id.")
    value: str = strawberry.field(description="The new value, 6 to 32,768 characters.")


@strawberry.input(description="The registered secret to delete.")
class DeleteSecretInput:
    id: ID = strawberry.field(description="The secret's id.")
