"""Personal access tokens, as their owners see them."""

from datetime import datetime

import strawberry
from strawberry import ID

from db.values import TokenScope
from schema.enums import register_enum

register_enum(
    TokenScope,
    "TokenScope",
    "What a token may do at most; never more than its owner may.",
    {
        "READ": "Read.",
        "RUN": "Also run and edit tasks.",
        "ADMIN": "All that its owner may.",
    },
)


@strawberry.type(
    description="A token for a program that acts for you. What it is made of is shown once, by the mutation."
)
class PersonalToken:
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="What you call it.")
    scope: TokenScope = strawberry.field(description="What it may do at most.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="When it stops working.")


@strawberry.input(description="A new token.")
class CreatePersonalTokenInput:
    name: str = strawberry.field(description="What to call it, 1 to 100 characters.")
    scope: TokenScope = strawberry.field(description="What it may do at most.")
    expires_in_days: int = strawberry.field(default=90, description="When it stops working, 1 to 366 days from now.")


@strawberry.input(description="Which token is to stop working.")
class RevokePersonalTokenInput:
    id: ID = strawberry.field(description="The token's id.")
