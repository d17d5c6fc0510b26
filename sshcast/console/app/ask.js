// Asks the service, over GraphQL: `ask` for queries, `change` for mutations, `watch` for subscriptions.

import { request, subscribe } from "/playground/client.js";

// What the service refused. `field` names the input that it is about, as `input.cronExpr`, or is null.
export class Refusal extends Error {
  constructor(errors) {
    super(errors.map((error) => error.message).join("\n"));
    this.errors = errors;
    this.code = errors[0]?.code ?? errors[0]?.extensions?.code ?? null;
    this.field = errors[0]?.field ?? null;
  }
}

// The data of the answer. Throws Refusal with the service's words, or an Error where no answer came.
export async function ask(query, variables = {}) {
  const { data, errors } = await request({ query, variables });
  if (errors?.length) throw new Refusal(errors);
  return data;
}

// The payload of a mutation's only field. Throws Refusal if the payload has errors.
export async function change(query, variables = {}) {
  const [payload] = Object.values(await ask(query, variables));
  if (payload.errors?.length) throw new Refusal(payload.errors);
  return payload;
}

// Calls `onEvent` with the value of the subscription's only field until `signal` aborts or it ends. A cut connection is
// resumed from the last cursor if the document has a variable `after`. `onState` is told "live" or "reconnecting".
export function watch(query, variables, { signal, onEvent, onState = () => {}, onEnd = () => {} }) {
  const stop = subscribe(
    { query, variables },
    {
      onState,
      onEvent: ({ data, errors }) => {
        if (errors?.length) onEnd(new Refusal(errors));
        else onEvent(Object.values(data)[0]);
      },
      onEnd: (reason) => onEnd(reason),
    },
  );
  signal?.addEventListener("abort", stop, { once: true });
  return stop;
}
