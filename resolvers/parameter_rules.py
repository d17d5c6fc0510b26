"""The rules of a task's parameters: what a declaration may say, and which values it allows."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from db.values import ParameterType
from resolvers import secret_env, validation
from resolvers.errors import Invalid
from resolvers.inputs import NewParameter
from resolvers.search_patterns import compile_whole_pattern
from runner.secrets.secret import Secret

FIELD = "parameters"
MOST = 50
MOST_OPTIONS = 100
LONGEST_DESCRIPTION = 500
LONGEST_OPTION = 1000
LONGEST_VALUE = 32_768
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
LOWEST, HIGHEST = -(2**63), 2**63 - 1
BOOLEANS = ("true", "false")
# Which fields of a declaration are for which types only.
ONLY_FOR: Mapping[str, tuple[ParameterType, ...]] = {
    "pattern": (ParameterType.STRING, ParameterType.SECRET),
    "minimum": (ParameterType.INTEGER,),
    "maximum": (ParameterType.INTEGER,),
    "options": (ParameterType.CHOICE,),
}

Path = tuple[str, ...]
Declaration = Mapping[str, Any]


def check_declarations(declared: Sequence[NewParameter]) -> list[dict[str, Any]]:
    """Return the declarations as a task stores them: fields that are not given are left out.

    Raises Invalid with the path of the field: `parameters.0.pattern`.
    """
    if len(declared) > MOST:
        raise Invalid(FIELD, f"must be at most {MOST}.", f"最多 {MOST} 个。")
    found: list[dict[str, Any]] = []
    for index, parameter in enumerate(declared):
        path = (FIELD, str(index))
        made = _check_declaration(path, parameter)
        if any(made["name"] == other["name"] for other in found):
            raise Invalid((*path, "name"), f"{made['name']} is declared more than once.", f"{made['name']} 重复声明。")
        found.append(made)
    return found


def check_value(path: Path, declaration: Declaration, value: str) -> None:
    """Raise Invalid unless the parameter may have this value. No message shows the value."""
    try:
        CHECKS[ParameterType(declaration["type"])](path, declaration, value)
    except Invalid as error:
        raise _name_parameter(error, declaration["name"]) from None


def _check_declaration(path: Path, parameter: NewParameter) -> dict[str, Any]:
    kind = ParameterType(validation.check_one_of("type", parameter.type, ParameterType))
    made: dict[str, Any] = {"name": _check_name((*path, "name"), parameter.name), "type": str(kind)}
    if parameter.description is not None:
        made["description"] = _check_description((*path, "description"), parameter.description)
    made["required"] = parameter.required
    for name, kinds in ONLY_FOR.items():
        if getattr(parameter, name) and kind not in kinds:
            raise _build_not_for_error((*path, name), kind, kinds)
    made |= _check_limits(path, parameter)
    if kind == ParameterType.CHOICE:
        made["options"] = _check_options((*path, "options"), parameter.options)
    if parameter.default is not None:
        _check_default((*path, "default"), parameter, made)
        made["default"] = parameter.default
    return made


def _check_name(path: Path, name: str) -> str:
    if not validation.ENV_NAME.match(name) or len(name) > validation.LONGEST_ENV_NAME:
        raise Invalid(
            path,
            f"{validation.format_name(name)!r} is not an environment name: use letters, digits and _, no digit first.",
            f"{validation.format_name(name)!r} 不是环境变量名：请用英文字母、数字和 _，且不以数字开头。",
        )
    return name


def _check_description(path: Path, text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION or "\0" in text:
        raise Invalid(
            path,
            f"must be at most {LONGEST_DESCRIPTION} characters without NUL.",
            f"最多 {LONGEST_DESCRIPTION} 个字符且不含 NUL。",
        )
    return validation.check_encodable(path, text)


def _check_limits(path: Path, parameter: NewParameter) -> dict[str, Any]:
    """Return the pattern, the minimum and the maximum, as far as they are given."""
    found: dict[str, Any] = {}
    if parameter.pattern is not None:
        compile_whole_pattern(parameter.pattern, (*path, "pattern"))
        found["pattern"] = parameter.pattern
    for name, value in (("minimum", parameter.minimum), ("maximum", parameter.maximum)):
        if value is not None:
            found[name] = value
            if not LOWEST <= value <= HIGHEST:
                raise Invalid((*path, name), "must be a 64-bit integer.", "必须是 64 位整数。")
    if parameter.minimum is not None and parameter.maximum is not None and parameter.minimum > parameter.maximum:
        raise Invalid((*path, "maximum"), "must not be below the minimum.", "不能小于 minimum。")
    return found


def _check_options(path: Path, options: Sequence[str]) -> list[str]:
    if not 1 <= len(options) <= MOST_OPTIONS or len(set(options)) < len(options):
        raise Invalid(
            path, f"must be 1 to {MOST_OPTIONS} different values.", f"须为 1 到 {MOST_OPTIONS} 个互不相同的值。"
        )
    for option in options:
        if not 1 <= len(option) <= LONGEST_OPTION or validation.CONTROL.search(option):
            raise Invalid(
                path,
                f"must each be 1 to {LONGEST_OPTION} characters, none of them a control character.",
                f"每个选项须为 1 到 {LONGEST_OPTION} 个字符，且不含控制字符。",
            )
        validation.check_encodable(path, option)
    return list(options)


def _check_default(path: Path, parameter: NewParameter, made: Declaration) -> None:
    if made["type"] == ParameterType.SECRET:
        raise Invalid(
            path,
            "is not for a secret: every run gives its value, or use secretEnv for a fixed one.",
            "不适用于 secret 类型：请在每次执行时提供其值，固定的机密请使用 secretEnv。",
        )
    if parameter.required:
        raise Invalid(
            path,
            "is not for a required parameter, which every run gives: leave one of the two out.",
            "不适用于必需的参数（每次执行都须提供其值）：请去掉 default 或 required。",
        )
    check_value(path, made, parameter.default or "")


def _build_not_for_error(path: Path, kind: ParameterType, kinds: Sequence[ParameterType]) -> Invalid:
    names = " or ".join(each.name for each in kinds)
    words = "、".join(each.name for each in kinds)
    return Invalid(
        path,
        f"is for the type {names}, and this one is {kind.name}: leave it out or change the type.",
        f"仅适用于 {words} 类型，而此参数为 {kind.name} 类型：请去掉它或更改类型。",
    )


def _check_string(path: Path, declaration: Declaration, value: str) -> None:
    if len(validation.check_encodable(path, value)) > LONGEST_VALUE or "\0" in value:
        raise Invalid(
            path, f"must be at most {LONGEST_VALUE} characters without NUL.", f"最多 {LONGEST_VALUE} 字符且不含 NUL。"
        )
    pattern = declaration.get("pattern")
    if pattern is not None and not compile_whole_pattern(pattern, path)(value):
        raise Invalid(path, f"must match {pattern} as a whole.", f"须整体匹配 {pattern}。")


def _check_secret(path: Path, declaration: Declaration, value: str) -> None:
    secret_env.check_secret_value(path, Secret(value))
    _check_string(path, declaration, value)


def _check_integer(path: Path, declaration: Declaration, value: str) -> None:
    if not WHOLE_NUMBER.fullmatch(value) or value == "-0" or not LOWEST <= int(value) <= HIGHEST:
        raise Invalid(
            path,
            "must be a whole number of 64 bits in decimal digits, such as 42 or -7, with no zero first.",
            "必须是 64 位十进制整数，如 42 或 -7，且不以 0 开头。",
        )
    low, high = declaration.get("minimum"), declaration.get("maximum")
    if low is not None and int(value) < low:
        raise Invalid(path, f"must be {low} or more.", f"不能小于 {low}。")
    if high is not None and int(value) > high:
        raise Invalid(path, f"must be {high} or less.", f"不能大于 {high}。")


def _check_boolean(path: Path, declaration: Declaration, value: str) -> None:
    _check_option(path, {"options": BOOLEANS}, value)


def _check_option(path: Path, declaration: Declaration, value: str) -> None:
    options = declaration["options"]
    if value not in options:
        raise Invalid(path, f"must be one of {', '.join(options)}.", f"必须是以下之一：{'、'.join(options)}。")


def _name_parameter(error: Invalid, name: str) -> Invalid:
    """Return the error with the parameter's name in its message, after the field's."""
    en, zh = (text.removeprefix(f"{error.field[-1]} ") for text in (error.en, error.chinese))
    return Invalid(error.field, f"of {name} {en}", f"（参数 {name}）{zh}")


CHECKS: Mapping[ParameterType, Callable[[Path, Declaration, str], None]] = {
    ParameterType.STRING: _check_string,
    ParameterType.INTEGER: _check_integer,
    ParameterType.BOOLEAN: _check_boolean,
    ParameterType.CHOICE: _check_option,
    ParameterType.SECRET: _check_secret,
}
