"""Refuses `@defer` and `@stream`, which this service does not deliver, in words that say what to do instead.

graphql-core delivers them only from an executor without our plans, as a stream of patches: that would hold a request,
its loaders and its rights open beside the limits of streams, for answers that take milliseconds as a whole.
"""

from typing import Any

from graphql import DirectiveNode, GraphQLError, KnownDirectivesRule

from schema.errors import NoIncrementalDelivery

INCREMENTAL = frozenset({"defer", "stream"})


class DirectivesRule(KnownDirectivesRule):
    """graphql-core's rule that directives must exist, with a sentence of its own for those two."""

    def enter_directive(self, node: DirectiveNode, *args: Any) -> None:
        if node.name.value not in INCREMENTAL:
            super().enter_directive(node, *args)
            return
        error = NoIncrementalDelivery()
        self.report_error(GraphQLError(error.en, node, original_error=error))
