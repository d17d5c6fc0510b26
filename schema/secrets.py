"""Registered secrets, as far as they are shown."""

from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import inputs
from runner.secrets.secret import Secret
from schema.fields import typed_field
from schema.ids import parse_optional_id
from schema.objects import Server, User
from schema.operation import Info

ForServer = Annotated[ID | None, strawberry.argument(description="Only those that runs on this server may take.")]


@strawberry.type(
    name="Secret",
    description="A value that runs may take by its name. It is never shown, and hidden in the output of all runs that "
    "it is for, whether they take it or not.",
)
class RegisteredSecret:
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The name to take it by; no two secrets share one.")
    server_id: ID | None = strawberry.field(description="The server whose runs it is for; null for those of every one.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime = strawberry.field(description="When its value was last replaced.")

    @typed_field(Server | None, "The server whose runs it is for; null for those of every one.")
    def server(self: Any, info: Info) -> Any:
        return None if self.server_id is None else info.context.loaders.servers.load(self.server_id)

    @typed_field(User | None, "Who registered it.")
    def created_by(self: Any, info: Info) -> Any:
        return info.context.loaders.users.load(self.created_by)


@strawberry.input(description="A secret to register.")
class CreateSecretInput:
    name: str = strawberry.field(description="1 to 100 characters, unlike any other secret's.")
    value: str = strawberry.field(description="6 to 32,768 characters; it cannot be read again.")
    server_id: ID | None = strawberry.field(
        default=None, description="The server whose runs it is for; those of every one if it is absent."
    )

    def convert(self) -> inputs.NewSecret:
        server_id = parse_optional_id("server_id", self.server_id)
        return inputs.NewSecret(name=self.name, value=Secret(self.value), server_id=server_id)


@strawberry.input(description="A registered secret's new value.")
class UpdateSecretInput:
    id: ID = strawberry.field(description="The secret's id.")
    value: str = strawberry.field(description="6 to 32,768 characters, in place of the value of before.")


@strawberry.input(description="A registered secret to delete.")
class DeleteSecretInput:
    id: ID = strawberry.field(description="The secret's id.")
