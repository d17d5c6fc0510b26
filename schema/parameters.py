"""Parameters of tasks: declared by a task, given by a run or a schedule, and shown by the record of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import strawberry

from resolvers import inputs
from schema.enums import ParameterType
from schema.fields import typed_field
from schema.scalars import Long


@strawberry.type(
    description="A parameter that a task declares. Its value reaches the command as an environment variable."
)
class Parameter:
    name: str = strawberry.field(description="The name of the parameter and of the environment variable.")
    type: ParameterType = strawberry.field(description="Which values it may have.")
    description: str | None = strawberry.field(description="What it is for.")
    required: bool = strawberry.field(description="Whether every run must give a value.")
    default: str | None = strawberry.field(description="The value of a run that gives none; null: it has no variable.")
    pattern: str | None = strawberry.field(description="An RE2 expression that a value must match as a whole.")
    minimum: Long | None = strawberry.field(description="The lowest value of an INTEGER.")
    maximum: Long | None = strawberry.field(description="The highest value of an INTEGER.")
    options: list[str] = strawberry.field(description="The values of a CHOICE; empty for other types.")


@strawberry.type(description="The value of a parameter.")
class ParameterValue:
    name: str = strawberry.field(description="The parameter's name.")
    value: str | None = strawberry.field(description="Its value; null if it is secret.")
    secret: bool = strawberry.field(description="Whether the value is secret: stored encrypted and masked in output.")


@strawberry.input(
    description="A parameter of a task. Its value reaches the command as an environment variable, never as its text."
)
class ParameterInput:
    name: str = strawberry.field(
        description="The name of the parameter and of the environment variable: letters, digits and _, not beginning "
        "with a digit, and not also in `env` or `secretEnv`."
    )
    type: ParameterType = strawberry.field(default=ParameterType.STRING, description="Which values it may have.")
    description: str | None = strawberry.field(default=None, description="What it is for, at most 500 characters.")
    required: bool = strawberry.field(
        default=False, description="Whether every run must give a value. A schedule gives it by `parameterValues`."
    )
    default: str | None = strawberry.field(
        default=None,
        description="The value of a run that gives none; without it, such a run has no variable of this name. Not for "
        "a SECRET, and not for a required parameter.",
    )
    pattern: str | None = strawberry.field(
        default=None,
        description="Of a STRING or a SECRET: an RE2 expression that a value must match as a whole.",
    )
    minimum: Long | None = strawberry.field(default=None, description="The lowest value of an INTEGER.")
    maximum: Long | None = strawberry.field(default=None, description="The highest value of an INTEGER.")
    options: list[str] = strawberry.field(default_factory=list, description="The values of a CHOICE, 1 to 100.")

    def convert(self) -> inputs.NewParameter:
        return inputs.NewParameter(
            name=self.name,
            type=self.type,
            description=self.description,
            required=self.required,
            default=self.default,
            pattern=self.pattern,
            minimum=self.minimum,
            maximum=self.maximum,
            options=self.options,
        )


@strawberry.input(description="A value for a parameter of a task.")
class ParameterValueInput:
    name: str = strawberry.field(description="The parameter's name.")
    value: str = strawberry.field(
        description="Its value: of an INTEGER decimal digits, of a BOOLEAN `true` or `false`, of a CHOICE one of its "
        "options, of a SECRET 6 to 32,768 characters."
    )

    def convert(self) -> inputs.ParameterValue:
        return inputs.ParameterValue(name=self.name, value=self.value)


@typed_field(list[Parameter], "The parameters that it declares, in their order.", reads=["parameters"])
def list_parameters(self: Any) -> list[Parameter]:
    return [_build_parameter(each) for each in self.parameters]


@typed_field(
    list[ParameterValue],
    "The values of parameters that its schedule gives, with defaults, ordered by name.",
    reads=["parameter_values"],
)
def list_scheduled_values(self: Any) -> list[ParameterValue]:
    return _build_values(self.parameter_values)


@typed_field(
    list[ParameterValue],
    "The values of its task's parameters that it was given, with defaults, ordered by name.",
    reads=["parameters"],
)
def list_values(self: Any) -> list[ParameterValue]:
    return _build_values(self.parameters)


def convert_values(given: Sequence[ParameterValueInput]) -> list[inputs.ParameterValue]:
    return [each.convert() for each in given]


def _build_parameter(declared: Mapping[str, Any]) -> Parameter:
    limits = {name: declared.get(name) for name in ("description", "default", "pattern", "minimum", "maximum")}
    return Parameter(
        name=declared["name"],
        type=ParameterType(declared["type"]),
        required=declared["required"],
        options=declared.get("options", []),
        **limits,
    )


def _build_values(values: Mapping[str, str | None]) -> list[ParameterValue]:
    return [ParameterValue(name=name, value=values[name], secret=values[name] is None) for name in sorted(values)]
