"""A service's OpenAPI document, and whether answers are as it says, with no field that it does not have."""

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from openapi_schema_validator import OAS31Validator

from tests.support.rest import Face

METHODS = ("get", "put", "post", "delete")


@dataclass(frozen=True, slots=True)
class Document:
    """`body` is the document; `closed` the same, in which no object may have fields that are not described."""

    body: dict[str, Any]
    closed: dict[str, Any]

    @classmethod
    async def load(cls, face: Face) -> "Document":
        body = (await face.ask("GET", "/openapi.json", None)).json()
        closed = deepcopy(body)
        for schema in closed["components"]["schemas"].values():
            if "properties" in schema:
                schema["additionalProperties"] = False
        return cls(body, closed)

    @property
    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Each operation, by its method and path."""
        paths = self.body["paths"].items()
        return {(name.upper(), path): item[name] for path, item in paths for name in METHODS if name in item}

    def find_problems(self, method: str, path: str, answer: Any) -> list[str]:
        """What is wrong with a JSON answer to this method and this path with its numbers."""
        template = next(each for each in self.body["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", each), path))
        responses = self.closed["paths"][template][method.lower()]["responses"]
        if str(answer.status_code) not in responses:
            return [f"{method} {template} has no {answer.status_code}"]
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        validator = OAS31Validator(schema | {"components": self.closed["components"]})
        return [f"{method} {template}: {each.message}" for each in validator.iter_errors(answer.json())]
