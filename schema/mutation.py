"""The mutations: each makes one call to the resolvers."""

from typing import Any

import strawberry

from resolvers import (
    executions,
    fleet_starts,
    fleets,
    grants,
    host_keys,
    pauses,
    personal_tokens,
    policies,
    secrets,
    server_checks,
    servers,
    sign_in,
    tasks,
    users,
)
from resolvers.errors import Unauthenticated
from runner.secrets.secret import Secret
from schema import fleet_inputs, fleet_payloads, inputs, payloads, run_inputs, schedule_inputs, server_inputs
from schema import host_keys as host_key_inputs
from schema import personal_tokens as token_inputs
from schema import policies as policy_inputs
from schema import secrets as secret_inputs
from schema import server_checks as server_check_inputs
from schema import users as user_inputs
from schema.ids import parse_id, parse_optional_id
from schema.operation import Info
from schema.payload_mutations import payload_mutation


@strawberry.type(description="The operations that change something.")
class Mutation:
    @payload_mutation(payloads.LoginPayload, "Sign in.", signing_in=True)
    async def login(self, info: Info, input: user_inputs.LoginInput) -> Any:
        tokens: Any = await sign_in.login(info.context.ctx, input.username, input.password)
        return payloads.LoginPayload(tokens=tokens)

    @payload_mutation(
        payloads.RefreshPayload,
        "Get new tokens for a session, before or after its access token has expired.",
        signing_in=True,
    )
    async def refresh(self, info: Info, input: user_inputs.RefreshInput) -> Any:
        try:
            tokens: Any = await sign_in.refresh(info.context.ctx, input.refresh_token)
        except Unauthenticated as error:
            error.field = ("refresh_token",)
            raise
        return payloads.RefreshPayload(tokens=tokens)

    @payload_mutation(
        payloads.LogoutPayload, "End your session: its tokens stop working at once, and its open subscriptions end."
    )
    async def logout(self, info: Info) -> Any:
        user: Any = await users.me(info.context.ctx)
        await sign_in.logout(info.context.ctx)
        return payloads.LogoutPayload(user=user)

    @payload_mutation(
        payloads.CreatePersonalTokenPayload, "Create a personal access token for a program that acts for you."
    )
    async def create_personal_token(self, info: Info, input: token_inputs.CreatePersonalTokenInput) -> Any:
        created = await personal_tokens.create(info.context.ctx, input.name, input.scope, input.expires_in_days)
        row: Any = created.row
        return payloads.CreatePersonalTokenPayload(token=created.token, personal_token=row)

    @payload_mutation(
        payloads.RevokePersonalTokenPayload, "Revoke one of your personal access tokens. It stops working at once."
    )
    async def revoke_personal_token(self, info: Info, input: token_inputs.RevokePersonalTokenInput) -> Any:
        row: Any = await personal_tokens.revoke(info.context.ctx, parse_id("id", input.id))
        return payloads.RevokePersonalTokenPayload(personal_token=row)

    @payload_mutation(user_inputs.CreateUserPayload, "Add a user. For admins.")
    async def create_user(self, info: Info, input: user_inputs.CreateUserInput) -> Any:
        user: Any = await users.create(info.context.ctx, input.name, input.role, input.password)
        return user_inputs.CreateUserPayload(user=user)

    @payload_mutation(
        user_inputs.UpdateUserPayload,
        "Change a user's role or password, or disable them; their sessions end. Users are never deleted. For admins.",
    )
    async def update_user(self, info: Info, input: user_inputs.UpdateUserInput) -> Any:
        id, ctx = parse_id("id", input.id), info.context.ctx
        user: Any = await users.update(ctx, id, role=input.role, disabled=input.disabled, password=input.password)
        return user_inputs.UpdateUserPayload(user=user)

    @payload_mutation(
        user_inputs.GrantRolePayload,
        "Grant a user a role on a server, or on every server with a tag. It takes effect at once. For admins.",
    )
    async def grant_role(self, info: Info, input: user_inputs.GrantRoleInput) -> Any:
        user_id, server_id = parse_id("user_id", input.user_id), parse_optional_id("server_id", input.server_id)
        grant: Any = await grants.give(info.context.ctx, user_id, server_id, input.tag, input.role)
        return user_inputs.GrantRolePayload(grant=grant)

    @payload_mutation(user_inputs.RevokeGrantPayload, "Revoke a grant. It takes effect at once. For admins.")
    async def revoke_grant(self, info: Info, input: user_inputs.RevokeGrantInput) -> Any:
        grant: Any = await grants.revoke(info.context.ctx, parse_id("id", input.id))
        return user_inputs.RevokeGrantPayload(grant=grant)

    @payload_mutation(payloads.CreateServerPayload, "Register a server. For admins.")
    async def create_server(self, info: Info, input: server_inputs.CreateServerInput) -> Any:
        server: Any = await servers.create(info.context.ctx, input.convert())
        return payloads.CreateServerPayload(server=server)

    @payload_mutation(
        payloads.UpdateServerPayload,
        "Change a server. For admins; what admins by a grant may change is in docs/security.md.",
    )
    async def update_server(self, info: Info, input: server_inputs.UpdateServerInput) -> Any:
        server: Any = await servers.update(info.context.ctx, parse_id("id", input.id), input.convert())
        return payloads.UpdateServerPayload(server=server)

    @payload_mutation(
        host_key_inputs.ScanHostKeysPayload,
        "Have a runner connect to an address and return the host keys that are offered there. For "
        "admins; admins by a grant may ask only for the addresses of their servers.",
    )
    async def scan_host_keys(self, info: Info, input: host_key_inputs.ScanHostKeysInput) -> Any:
        offered: Any = await host_keys.scan(info.context.ctx, input.convert())
        return host_key_inputs.ScanHostKeysPayload(host_keys=offered)

    @payload_mutation(
        server_check_inputs.CheckServerPayload,
        "Have a runner connect to a server and check, step by step, what runs need there. A server that fails is no "
        "mistake: `check` says at which step. Nothing is stored but an audit event. For operators.",
    )
    async def check_server(self, info: Info, input: server_check_inputs.CheckServerInput) -> Any:
        found: Any = await server_checks.check(info.context.ctx, parse_id("id", input.id))
        return server_check_inputs.CheckServerPayload(check=found)

    @payload_mutation(
        payloads.DeleteServerPayload,
        "Delete a server. Its tasks and its history stay; its tasks no longer run. For admins.",
    )
    async def delete_server(self, info: Info, input: inputs.DeleteServerInput) -> Any:
        server: Any = await servers.delete(info.context.ctx, parse_id("id", input.id))
        return payloads.DeleteServerPayload(server=server)

    @payload_mutation(
        payloads.SetServerPolicyPayload,
        "Set the command policy of a server: what is allowed and forbidden there, and how strictly rules "
        "apply. For admins.",
    )
    async def set_server_policy(self, info: Info, input: policy_inputs.SetServerPolicyInput) -> Any:
        policy: Any = await policies.set_for_server(info.context.ctx, parse_id("id", input.id), input.convert())
        return payloads.SetServerPolicyPayload(policy=policy)

    @payload_mutation(
        payloads.SetTaskPolicyPayload,
        "Set the command policy of a task. What it allows applies until the task is changed. For admins.",
    )
    async def set_task_policy(self, info: Info, input: policy_inputs.SetTaskPolicyInput) -> Any:
        policy: Any = await policies.set_for_task(info.context.ctx, parse_id("id", input.id), input.convert())
        return payloads.SetTaskPolicyPayload(policy=policy)

    @payload_mutation(
        payloads.CreateSecretPayload, "Register a secret that tasks and runs can use by its name. For admins."
    )
    async def create_secret(self, info: Info, input: secret_inputs.CreateSecretInput) -> Any:
        secret: Any = await secrets.create(info.context.ctx, input.convert())
        return payloads.CreateSecretPayload(secret=secret)

    @payload_mutation(
        payloads.UpdateSecretPayload,
        "Replace the value of a registered secret, for runs that start from now on. For admins.",
    )
    async def update_secret(self, info: Info, input: secret_inputs.UpdateSecretInput) -> Any:
        secret: Any = await secrets.change(info.context.ctx, parse_id("id", input.id), Secret(input.value))
        return payloads.UpdateSecretPayload(secret=secret)

    @payload_mutation(
        payloads.DeleteSecretPayload,
        "Delete a registered secret. Runs that use it fail from now on, before anything is started. For admins.",
    )
    async def delete_secret(self, info: Info, input: secret_inputs.DeleteSecretInput) -> Any:
        secret: Any = await secrets.delete(info.context.ctx, parse_id("id", input.id))
        return payloads.DeleteSecretPayload(secret=secret)

    @payload_mutation(payloads.CreateTaskPayload, "Create a task; `@once` also starts a run. For operators.")
    async def create_task(self, info: Info, input: inputs.CreateTaskInput) -> Any:
        created: Any = await tasks.create(info.context.ctx, input.convert())
        return payloads.CreateTaskPayload(task=created.task, execution=created.execution)

    @payload_mutation(payloads.UpdateTaskPayload, "Change a task. For operators.")
    async def update_task(self, info: Info, input: inputs.UpdateTaskInput) -> Any:
        task: Any = await tasks.update(info.context.ctx, parse_id("id", input.id), input.convert())
        return payloads.UpdateTaskPayload(task=task)

    @payload_mutation(payloads.SetTaskEnabledPayload, "Enable or disable a task's schedule. For operators.")
    async def set_task_enabled(self, info: Info, input: inputs.SetTaskEnabledInput) -> Any:
        task: Any = await tasks.set_enabled(info.context.ctx, parse_id("id", input.id), input.enabled)
        return payloads.SetTaskEnabledPayload(task=task)

    @payload_mutation(
        payloads.PauseTaskPayload,
        "Pause a task's schedule: its slots are recorded in the ledger as skipped. `runTask` still runs "
        "it. For operators.",
    )
    async def pause_task(self, info: Info, input: schedule_inputs.PauseTaskInput) -> Any:
        task: Any = await pauses.pause(info.context.ctx, parse_id("id", input.id), input.until)
        return payloads.PauseTaskPayload(task=task)

    @payload_mutation(payloads.ResumeTaskPayload, "Resume a task's paused schedule. For operators.")
    async def resume_task(self, info: Info, input: schedule_inputs.ResumeTaskInput) -> Any:
        task: Any = await pauses.resume(info.context.ctx, parse_id("id", input.id))
        return payloads.ResumeTaskPayload(task=task)

    @payload_mutation(
        payloads.DeleteTaskPayload, "Delete a task. Its executions stay; pending ones are cancelled. For operators."
    )
    async def delete_task(self, info: Info, input: inputs.DeleteTaskInput) -> Any:
        task: Any = await tasks.delete(info.context.ctx, parse_id("id", input.id))
        return payloads.DeleteTaskPayload(task=task)

    @payload_mutation(payloads.RunTaskPayload, "Run a task now; `executionOutput` shows its output. For operators.")
    async def run_task(self, info: Info, input: run_inputs.RunTaskInput) -> Any:
        execution: Any = await executions.run_task(info.context.ctx, input.convert())
        return payloads.RunTaskPayload(execution=execution)

    @payload_mutation(payloads.RunCommandPayload, "Run a command once, without a task. For operators.")
    async def run_command(self, info: Info, input: run_inputs.RunCommandInput) -> Any:
        execution: Any = await executions.run_command(info.context.ctx, input.convert())
        return payloads.RunCommandPayload(execution=execution)

    @payload_mutation(
        payloads.CancelExecutionPayload,
        "Cancel an execution. The answer comes before it has stopped; `executionOutput` shows how it "
        "ends. For operators.",
    )
    async def cancel_execution(self, info: Info, input: inputs.CancelExecutionInput) -> Any:
        execution: Any = await executions.cancel(info.context.ctx, parse_id("id", input.id))
        return payloads.CancelExecutionPayload(execution=execution)

    @payload_mutation(
        fleet_payloads.StartFleetRunPayload, "Run a command or a task on many servers. For operators on each of them."
    )
    async def start_fleet_run(self, info: Info, input: fleet_inputs.StartFleetRunInput) -> Any:
        row: Any = await fleet_starts.start(info.context.ctx, input.convert())
        return fleet_payloads.StartFleetRunPayload(fleet_run=row)

    @payload_mutation(
        fleet_payloads.CancelFleetRunPayload,
        "Cancel a fleet run: nothing more starts, and what runs is asked to stop. For operators on all its servers.",
    )
    async def cancel_fleet_run(self, info: Info, input: fleet_inputs.CancelFleetRunInput) -> Any:
        row: Any = await fleets.cancel(info.context.ctx, parse_id("id", input.id))
        return fleet_payloads.CancelFleetRunPayload(fleet_run=row)

    @payload_mutation(
        fleet_payloads.RetryFleetRunPayload,
        "Start a new fleet run of the same work where one did not succeed, or was not started. For operators.",
    )
    async def retry_fleet_run(self, info: Info, input: fleet_inputs.RetryFleetRunInput) -> Any:
        row: Any = await fleets.retry(info.context.ctx, input.convert())
        return fleet_payloads.RetryFleetRunPayload(fleet_run=row)
