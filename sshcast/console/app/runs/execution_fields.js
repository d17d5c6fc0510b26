// What the page of an execution asks of it. By itself, so that the question is sent while the page's other modules still come.

export const FACTS = `id state command createdAt startTime endTime durationMs exitCode exitSignal reason message trigger attempt slot
  cancelRequestedAt verifiedGone workingDir timeoutSeconds outputLimitBytes onOutputLimit mergeStreams mode envNames stdinBytes
  taskId task { id name deletedAt } serverId server { id name viewerRole deletedAt } createdBy { name } fleetRun { id }
  secretEnv { name } parameters { name value secret } findings { rule severity message text }
  waiting { reason position until }`;

// The lines at the end of a log that its page asks for at once.
export const TAIL = 200;
