"""The payloads of mutations: the object, null if the mutation failed, and the caller's mistakes."""

import strawberry

from schema.objects import Execution, Server, Task, User
from schema.personal_tokens import PersonalToken
from schema.policies import CommandPolicy
from schema.secrets import RegisteredSecret
from schema.user_errors import UserError


@strawberry.type
class Payload:
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Mistakes in the request; empty if it succeeded."
    )


@strawberry.type(description="The tokens of a session.")
class Tokens:
    access_token: str = strawberry.field(description="For the Authorization header: `Bearer` and this token.")
    refresh_token: str = strawberry.field(description="The token for `refresh`. It works once.")
    expires_in: int = strawberry.field(
        name="expiresInSeconds", description="How many seconds the access token is valid."
    )
    user: User = strawberry.field(description="The user who signed in.")


@strawberry.type(description="The answer to `login`.")
class LoginPayload(Payload):
    tokens: Tokens | None = strawberry.field(default=None, description="The new session.")


@strawberry.type(description="The answer to `refresh`.")
class RefreshPayload(Payload):
    tokens: Tokens | None = strawberry.field(default=None, description="The session, with new tokens.")


@strawberry.type(description="The answer to `logout`.")
class LogoutPayload(Payload):
    user: User | None = strawberry.field(default=None, description="The user whose session was ended.")


@strawberry.type(description="The answer to `createPersonalToken`.")
class CreatePersonalTokenPayload(Payload):
    token: str | None = strawberry.field(
        default=None, description="The token for the Authorization header. It is never shown again."
    )
    personal_token: PersonalToken | None = strawberry.field(default=None, description="The token's record.")


@strawberry.type(description="The answer to `revokePersonalToken`.")
class RevokePersonalTokenPayload(Payload):
    personal_token: PersonalToken | None = strawberry.field(default=None, description="The token that was revoked.")


@strawberry.type(description="The answer to `createServer`.")
class CreateServerPayload(Payload):
    server: Server | None = strawberry.field(default=None, description="The new server.")


@strawberry.type(description="The answer to `updateServer`.")
class UpdateServerPayload(Payload):
    server: Server | None = strawberry.field(default=None, description="The server as it is now.")


@strawberry.type(description="The answer to `deleteServer`.")
class DeleteServerPayload(Payload):
    server: Server | None = strawberry.field(default=None, description="The server as it was.")


@strawberry.type(description="The answer to `createSecret`.")
class CreateSecretPayload(Payload):
    secret: RegisteredSecret | None = strawberry.field(default=None, description="The new secret.")


@strawberry.type(description="The answer to `updateSecret`.")
class UpdateSecretPayload(Payload):
    secret: RegisteredSecret | None = strawberry.field(default=None, description="The secret, with its new value.")


@strawberry.type(description="The answer to `deleteSecret`.")
class DeleteSecretPayload(Payload):
    secret: RegisteredSecret | None = strawberry.field(default=None, description="The secret that was deleted.")


@strawberry.type(description="The answer to `createTask`.")
class CreateTaskPayload(Payload):
    task: Task | None = strawberry.field(default=None, description="The new task.")
    execution: Execution | None = strawberry.field(
        default=None, description="The execution that `@once` started; null for other schedules."
    )


@strawberry.type(description="The answer to `updateTask`.")
class UpdateTaskPayload(Payload):
    task: Task | None = strawberry.field(default=None, description="The task as it is now.")


@strawberry.type(description="The answer to `setTaskEnabled`.")
class SetTaskEnabledPayload(Payload):
    task: Task | None = strawberry.field(default=None, description="The task as it is now.")


@strawberry.type(description="The answer to `pauseTask`.")
class PauseTaskPayload(Payload):
    task: Task | None = strawberry.field(default=None, description="The task as it is now.")


@strawberry.type(description="The answer to `resumeTask`.")
class ResumeTaskPayload(Payload):
    task: Task | None = strawberry.field(default=None, description="The task as it is now.")


@strawberry.type(description="The answer to `deleteTask`.")
class DeleteTaskPayload(Payload):
    task: Task | None = strawberry.field(default=None, description="The task as it was.")


@strawberry.type(description="The answer to `runTask`.")
class RunTaskPayload(Payload):
    execution: Execution | None = strawberry.field(default=None, description="The execution.")


@strawberry.type(description="The answer to `runCommand`.")
class RunCommandPayload(Payload):
    execution: Execution | None = strawberry.field(default=None, description="The execution.")


@strawberry.type(description="The answer to `cancelExecution`.")
class CancelExecutionPayload(Payload):
    execution: Execution | None = strawberry.field(
        default=None, description="The execution; `executionOutput` shows how it ends."
    )


@strawberry.type(description="The answer to `setServerPolicy`.")
class SetServerPolicyPayload(Payload):
    policy: CommandPolicy | None = strawberry.field(default=None, description="The policy as it is now.")


@strawberry.type(description="The answer to `setTaskPolicy`.")
class SetTaskPolicyPayload(Payload):
    policy: CommandPolicy | None = strawberry.field(default=None, description="The policy as it is now.")
