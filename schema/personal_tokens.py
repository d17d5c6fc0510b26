"""Personal access tokens, as their owners see them."""

from datetime import datetime

import strawberry
from strawberry import ID

from db.values import TokenScope
from schema.enums import register_enum
from schema.node_ids import Node, node_type

register_enum(
    TokenScope,
    "TokenScope",
    "The most that a token may do. It never may more than its owner.",
    {
        "READ": "Read.",
        "RUN": "Also run commands and tasks, and edit tasks.",
        "ADMIN": "Everything that its owner may.",
    },
)


@node_type(
    description="A personal access token: a program that sends it acts for you. The token itself is shown once, "
    "by `createPersonalToken`."
)
class PersonalToken(Node):
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The name that you gave it.")
    scope: TokenScope = strawberry.field(description="The most that it may do.")
    created_at: datetime = strawberry.field(description="When it was created.")
    expires_at: datetime = strawberry.field(description="When it stops working.")


@strawberry.input(description="A personal access token to create.")
class CreatePersonalTokenInput:
    name: str = strawberry.field(description="A name for it, 1 to 100 characters.")
    scope: TokenScope = strawberry.field(description="The most that it may do.")
    expires_in_days: int = strawberry.field(default=90, description="In how many days it stops working, 1 to 366.")


@strawberry.input(description="The token to revoke.")
class RevokePersonalTokenInput:
    id: ID = strawberry.field(description="The token's id.")
