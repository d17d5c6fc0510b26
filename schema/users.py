"""Managing users and grants: what is asked for, and what is answered."""

from typing import Annotated

import strawberry
from strawberry import ID

from db.users import UserFilter
from schema.enums import Role
from schema.objects import Grant, User
from schema.payloads import Payload


@strawberry.input(description="A new user.")
class CreateUserInput:
    name: str = strawberry.field(description="The name to sign in with: 1 to 64 letters, digits or . @ - _")
    password: str = strawberry.field(description="The password, 8 to 1024 characters.")
    role: Role = strawberry.field(
        default=Role.NONE, description="What the user may do on every server; without it only what is granted."
    )


@strawberry.input(description="What to change of a user. What is absent or null stays; all of their sessions end.")
class UpdateUserInput:
    id: ID = strawberry.field(description="The user's id.")
    role: Role | None = strawberry.field(default=None, description="What the user may do on every server.")
    disabled: bool | None = strawberry.field(default=None, description="Whether they are kept out.")
    password: str | None = strawberry.field(default=None, description="A new password, 8 to 1024 characters.")


@strawberry.input(description="A role for a user on a server, or on every server with a tag: give one of the two.")
class GrantRoleInput:
    user_id: ID = strawberry.field(description="The user's id.")
    role: Role = strawberry.field(description="VIEWER, OPERATOR or ADMIN; it takes the place of a role granted there.")
    server_id: ID | None = strawberry.field(default=None, description="On this server.")
    tag: str | None = strawberry.field(default=None, description="On every server that has this tag, now or later.")


@strawberry.input(description="Which grant is to hold no more.")
class RevokeGrantInput:
    id: ID = strawberry.field(description="The grant's id.")


@strawberry.input(name="UserFilter", description="Which users. What is absent or null filters nothing.")
class UserFilterInput:
    role: Role | None = strawberry.field(default=None, description="Those whose own role is this.")
    disabled: bool | None = strawberry.field(default=None, description="Those that are kept out, or let in.")


Users = Annotated[UserFilterInput | None, strawberry.argument(description="Which users; all if it is absent.")]


def build_user_filter(given: UserFilterInput | None) -> UserFilter:
    return UserFilter() if given is None else UserFilter(given.role, given.disabled)


@strawberry.type(description="The answer to `createUser`.")
class CreateUserPayload(Payload):
    user: User | None = strawberry.field(default=None, description="The new user.")


@strawberry.type(description="The answer to `updateUser`.")
class UpdateUserPayload(Payload):
    user: User | None = strawberry.field(default=None, description="The user as they are now.")


@strawberry.type(description="The answer to `grantRole`.")
class GrantRolePayload(Payload):
    grant: Grant | None = strawberry.field(default=None, description="The grant.")


@strawberry.type(description="The answer to `revokeGrant`.")
class RevokeGrantPayload(Payload):
    grant: Grant | None = strawberry.field(default=None, description="The grant that holds no more.")
