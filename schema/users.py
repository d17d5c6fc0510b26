"""The inputs and payloads about users, their sessions and grants."""

from typing import Annotated

import strawberry
from strawberry import ID

from db.users import UserFilter
from schema.enums import Role
from schema.objects import Grant, User
from schema.payloads import Payload


@strawberry.input(description="The name and password to sign in with.")
class LoginInput:
    username: str = strawberry.field(description="The user's name.")
    password: str = strawberry.field(description="The user's password.")


@strawberry.input(description="The session to renew.")
class RefreshInput:
    refresh_token: str = strawberry.field(description="The session's newest refresh token, from `login` or `refresh`.")


@strawberry.input(description="A new user.")
class CreateUserInput:
    name: str = strawberry.field(description="The name to sign in with: 1 to 64 letters, digits or . @ - _")
    password: str = strawberry.field(description="The password, 8 to 1024 characters.")
    role: Role = strawberry.field(
        default=Role.NONE, description="What the user may do on every server; NONE for only what they are granted."
    )


@strawberry.input(
    description="Changes to a user. Fields that are absent or null stay as they are. All of the user's sessions end."
)
class UpdateUserInput:
    id: ID = strawberry.field(description="The user's id.")
    role: Role | None = strawberry.field(default=None, description="What the user may do on every server.")
    disabled: bool | None = strawberry.field(
        default=None, description="Whether the user is disabled and cannot sign in."
    )
    password: str | None = strawberry.field(default=None, description="A new password, 8 to 1024 characters.")


@strawberry.input(description="A role for a user, either on one server or on every server with a tag.")
class GrantRoleInput:
    user_id: ID = strawberry.field(description="The user's id.")
    role: Role = strawberry.field(
        description="VIEWER, OPERATOR or ADMIN. It replaces a role that the user was granted there before."
    )
    server_id: ID | None = strawberry.field(default=None, description="The server that it is for.")
    tag: str | None = strawberry.field(
        default=None, description="The tag that it is for: every server that has it, now or later."
    )


@strawberry.input(description="The grant to revoke.")
class RevokeGrantInput:
    id: ID = strawberry.field(description="The grant's id.")


@strawberry.input(name="UserFilter", description="Selects users. Fields that are absent or null do not filter.")
class UserFilterInput:
    role: Role | None = strawberry.field(default=None, description="Only users whose own role is this one.")
    disabled: bool | None = strawberry.field(
        default=None, description="true: only disabled users; false: only those who are not."
    )


Users = Annotated[UserFilterInput | None, strawberry.argument(description="Selects users; without it, all of them.")]


def build_user_filter(given: UserFilterInput | None) -> UserFilter:
    return UserFilter() if given is None else UserFilter(given.role, given.disabled)


@strawberry.type(description="The answer to `createUser`.")
class CreateUserPayload(Payload):
    user: User | None = strawberry.field(default=None, description="The new user.")


@strawberry.type(description="The answer to `updateUser`.")
class UpdateUserPayload(Payload):
    user: User | None = strawberry.field(default=None, description="The user after the change.")


@strawberry.type(description="The answer to `grantRole`.")
class GrantRolePayload(Payload):
    grant: Grant | None = strawberry.field(default=None, description="The grant.")


@strawberry.type(description="The answer to `revokeGrant`.")
class RevokeGrantPayload(Payload):
    grant: Grant | None = strawberry.field(default=None, description="The revoked grant.")
