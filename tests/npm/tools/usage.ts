// What a reader of docs/clients.md may write with the generated types; it does not compile if a scalar is `any`.
import type { RunTaskMutation, RunTaskMutationVariables } from "./generated/operations";
import type { OutputChunk, Task, TaskExecution } from "./generated/schema";

type IsAny<T> = 0 extends 1 & T ? true : false;
const moment: IsAny<Task["createdAt"]> = false;
const bytes: IsAny<TaskExecution["stdoutBytes"]> = false;
const id: IsAny<Task["nodeId"]> = false;

export const variables: RunTaskMutationVariables = { taskId: "1" };
export const createdAt = (task: Task): Date => new Date(task.createdAt);
export const megabytes = (execution: TaskExecution): number => execution.stdoutBytes / 1e6;
export const decode = (chunk: OutputChunk): string => atob(chunk.base64);
export const startedId = (answer: RunTaskMutation): string | undefined => answer.runTask?.execution?.id;
export const known = [moment, bytes, id];
