"""The queries and mutations by which a service is read and changed."""

PAGE = "pageInfo { hasNextPage endCursor }"
ERRORS = "errors { code field message }"
POLICY = "policy { mode allow commands extra holds }"
PARAMETER = "name type description required default options pattern minimum maximum"
TERMS = """
overlap missed missedCap missedWindowSeconds dst jitterSeconds startDeadlineSeconds retryLimit retryDelaySeconds retryOn
"""
SERVERS = f"""
query ManifestServers($after: String) {{
  servers(first: 100, after: $after) {{
    nodes {{
      id name host port username hostKeys hostKeyAlias legacyAlgorithms credentialKind tags enabled maxParallel runMode
      outputEncoding jumpServer {{ name }} blackouts {{ start end days timezone from until reason }} {POLICY}
    }}
    {PAGE}
  }}
}}
"""
TASKS = f"""
query ManifestTasks($after: String) {{
  tasks(first: 100, after: $after) {{
    nodes {{
      id name command cronExpr timezone enabled scheduleMode timeoutSeconds outputLimitBytes onOutputLimit mergeStreams
      workingDir runMode envNames serverId server {{ name deletedAt }}
      selector {{ byIds tagsAll tagsAny tagsNone nameContains }}
      fleet {{ batchSize {{ number percent }} pauseSeconds stopAfter {{ number percent }} onRefused }}
      secretEnv {{ name secret }} parameters {{ {PARAMETER} }} parameterValues {{ name value secret }}
      terms {{ {TERMS} }} {POLICY}
    }}
    {PAGE}
  }}
}}
"""
GRANTS = "grants { id role tag server { name deletedAt } }"
USERS = f"""
query ManifestUsers($after: String) {{
  users(first: 100, after: $after) {{ nodes {{ id name {GRANTS} }} {PAGE} }}
}}
"""
ME = f"query ManifestMe {{ me {{ id name {GRANTS} }} }}"
SECRETS = f"""
query ManifestSecrets($after: String) {{ secrets(first: 100, after: $after) {{ nodes {{ name }} {PAGE} }} }}
"""
SELECTED = f"""
query ManifestSelected($input: FleetRunPlanInput!, $after: String) {{
  fleetRunPlan(input: $input) {{
    errors {{ message }} servers(first: 100, after: $after) {{ nodes {{ server {{ name }} }} {PAGE} }}
  }}
}}
"""
CREATE_SERVER = f"""
mutation ApplyNewServer($input: CreateServerInput!) {{ createServer(input: $input) {{ {ERRORS} server {{ id }} }} }}
"""
UPDATE_SERVER = f"""
mutation ApplyServer($input: UpdateServerInput!) {{ updateServer(input: $input) {{ {ERRORS} server {{ id }} }} }}
"""
DELETE_SERVER = f"""
mutation PruneServer($input: DeleteServerInput!) {{ deleteServer(input: $input) {{ {ERRORS} server {{ id }} }} }}
"""
CREATE_TASK = f"""
mutation ApplyNewTask($input: CreateTaskInput!) {{ createTask(input: $input) {{ {ERRORS} task {{ id }} }} }}
"""
UPDATE_TASK = f"""
mutation ApplyTask($input: UpdateTaskInput!) {{ updateTask(input: $input) {{ {ERRORS} task {{ id }} }} }}
"""
DELETE_TASK = f"""
mutation PruneTask($input: DeleteTaskInput!) {{ deleteTask(input: $input) {{ {ERRORS} task {{ id }} }} }}
"""
SET_SERVER_POLICY = f"""
mutation ApplyServerPolicy($input: SetServerPolicyInput!) {{
  setServerPolicy(input: $input) {{ {ERRORS} policy {{ id }} }}
}}
"""
SET_TASK_POLICY = f"""
mutation ApplyTaskPolicy($input: SetTaskPolicyInput!) {{ setTaskPolicy(input: $input) {{ {ERRORS} policy {{ id }} }} }}
"""
GRANT = f"mutation ApplyGrant($input: GrantRoleInput!) {{ grantRole(input: $input) {{ {ERRORS} grant {{ id }} }} }}"
REVOKE = (
    f"mutation PruneGrant($input: RevokeGrantInput!) {{ revokeGrant(input: $input) {{ {ERRORS} grant {{ id }} }} }}"
)
