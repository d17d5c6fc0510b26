// Two files, as both plugins write the types of inputs and enums. `Long` is a number: see docs/clients.md.
const config = {
  strictScalars: true,
  scalars: { ID: "string", DateTime: "string", Long: "number" },
  enumsAsTypes: true,
};

export default {
  schema: "schema.graphql",
  documents: "operations/*.graphql",
  generates: {
    "generated/schema.ts": { plugins: ["typescript"], config },
    "generated/operations.ts": { plugins: ["typescript-operations"], config },
  },
};
