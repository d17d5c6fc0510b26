"""graphql-core's executor, which runs a plan for what is below a root field, and falls back to graphql-core's way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any

from graphql import (
    FragmentSpreadNode,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import DeferUsage, FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.compiled.plan import Plans
from schema.compiled.run import PlanRun

MOST_CHOICES = 16
"""How many choices of what @skip and @include leave an operation keeps plans for."""


class PlanCache:
    """The plans of one operation of a document."""

    def __init__(self) -> None:
        self._conditions: tuple[str, ...] | None = None
        self._kept: dict[tuple[Any, ...], Plans] = {}

    def find(self, executor: Executor[Any], roots: GroupedFieldSet) -> Plans:
        """Return the plans for the variables that the executor has. Its root fields are used if there are none yet."""
        if self._conditions is None:
            self._conditions = tuple(sorted(set(_list_conditions(executor))))
        variables = executor.variable_values.coerced
        key = tuple(variables.get(name) for name in self._conditions)
        if (found := self._kept.get(key)) is None:
            if len(self._kept) >= MOST_CHOICES:
                self._kept.clear()
            found = self._kept[key] = Plans(roots)
        return found


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Runs plans. What fails in a plan is executed again by graphql-core, which words the errors.

    `is_nested`: it executes a field for a plan, whose run fails with it.
    """

    cache: PlanCache | None = None
    plans: Plans | None = None
    is_nested = False

    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        new_defer_usages: Sequence[DeferUsage],
    ) -> Any:
        if self.cache is not None and self.error_propagation and self.abort_signal is None:
            self.plans = self.cache.find(self, grouped_field_set)
            grouped_field_set = self.plans.roots
            self.context_value.wanted = self.plans.find_wanted(self, root_type)
        return super().execute_collected_root_fields(
            root_type, root_value, grouped_field_set, serially, new_defer_usages
        )

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        plan = None if self.plans is None else self.plans.find(return_type, field_details_list)
        if plan is None:
            return super().collect_and_execute_subfields(
                return_type, field_details_list, path, result, position_context
            )
        return self._run_plan(
            lambda run: plan.run([result], run)[0],
            lambda core: core.collect_and_execute_subfields(return_type, field_details_list, path, result, None),
        )

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        complete = None if self.plans is None else self.plans.find_list(return_type, field_details_list)
        if complete is None:
            return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)
        return self._run_plan(
            lambda run: complete([result], run)[0],
            lambda core: core.complete_list_value(return_type, field_details_list, info, path, result, None),
        )

    def _run_plan(self, plan: Callable[[PlanRun], Any], otherwise: Callable[["CompiledExecutor"], Any]) -> Any:
        run = PlanRun(self._for_plans())
        try:
            found = plan(run)
            run.check()
        except Exception:
            run.abandon()
            if self.is_nested:
                raise
        else:
            return self._settle(run, found, otherwise) if run.waiting else found
        return otherwise(self._without_plans())

    async def _settle(self, run: PlanRun, found: Any, otherwise: Callable[["CompiledExecutor"], Any]) -> Any:
        try:
            await run.settle()
        except Exception:
            run.abandon()
            if self.is_nested:
                raise
        else:
            return found
        result = otherwise(self._without_plans())
        return await result if self.is_awaitable(result) else result

    def _for_plans(self) -> "CompiledExecutor":
        """Return an executor for the fields of a plan, whose errors are its own until the plan is known to be done."""
        if self.is_nested:
            return self
        made = copy(self)
        made.is_nested, made.collected_errors = True, CollectedErrors()
        return made

    def _without_plans(self) -> "CompiledExecutor":
        made = copy(self)
        made.plans = None
        return made


def _list_conditions(executor: Executor[Any]) -> Iterator[str]:
    """List the variables that @skip and @include name, in the operation and in every fragment."""
    fragments: Iterable[Any] = executor.fragment_definitions.values()
    for definition in (executor.operation, *fragments):
        yield from _list_conditions_within(definition.selection_set)


def _list_conditions_within(selections: SelectionSetNode) -> Iterator[str]:
    for node in selections.selections:
        for directive in node.directives or ():
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    yield argument.value.name.value
        below = None if isinstance(node, FragmentSpreadNode) else getattr(node, "selection_set", None)
        if below is not None:
            yield from _list_conditions_within(below)
