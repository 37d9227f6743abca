"""The description of an API (OpenAPI 3.1), made from what its views declare. Nothing in it is written by hand twice."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, current_app
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from app.api.operations import Operation, operation_of
from app.api.patches import MEDIA_TYPE as PATCH_TYPE
from app.api.schemas import Problem
from app.identity.api_clients.models import ApiScope
from app.web.problems import MEDIA_TYPE

VERSION = "1.0.0"
CONVERTER = re.compile(r"<(?:(?P<kind>[a-z]+):)?(?P<name>[a-z_]+)>")
ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
References = Mapping[Any, Any]
REF = "#/components/schemas/{model}"
INTRODUCTION = (
    "Programs prove themselves with a bearer token of an hour (OAuth 2.0 client credentials, by HTTP Basic) or with an "
    "API key in `X-ApiKey`. Lists take `page`, `size`, `$filter` and `$orderby`. Calls that change something can be "
    "repeated safely under one `Idempotency-Key` for 24 hours. PATCH takes a JSON Merge Patch (RFC 7396): what is not "
    "sent stays, null takes a value away. What is refused changes nothing and answers "
    "`application/problem+json`."
)
DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "It cannot be read",
    HTTPStatus.UNAUTHORIZED: "No valid credentials, or their plan has ended",
    HTTPStatus.FORBIDDEN: "The credentials have no right to it",
    HTTPStatus.NOT_FOUND: "There is no such thing for these credentials",
    HTTPStatus.CONFLICT: "It is in another state, or the same key is being answered",
    HTTPStatus.GONE: "Its time is over",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of another type than described",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something is wrong with the named properties",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many calls: wait as `Retry-After` says",
}


def describe(app: Flask, blueprint: Blueprint, *, title: str, server: str) -> dict[str, Any]:
    """Return the description of a blueprint's API; `server` is its absolute address without a slash at the end."""
    rules = list(routes_of(app, blueprint))
    references, found = _schemas(rules)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, view in rules:
        below = rule.rule.removeprefix(blueprint.url_prefix or "")
        place = paths.setdefault(CONVERTER.sub(lambda each: "{" + each["name"] + "}", below), {})
        place[method.lower()] = _operation(rule, method, view, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": VERSION, "description": INTRODUCTION},
        "servers": [{"url": server}],
        "security": [{"oauth": []}, {"key": []}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": found, "securitySchemes": _proofs(server)},
    }


def routes_of(app: Flask, blueprint: Blueprint) -> Iterator[tuple[Rule, str, Any]]:
    """Return each call of an API: its rule, method and view."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{blueprint.name}."):
            for method in sorted(rule.methods or ()):
                if method in METHODS:
                    yield rule, method, app.view_functions[rule.endpoint]


def description_of_request(blueprint: Blueprint, *, title: str, server: str) -> dict[str, Any]:
    """Return the description for a request; made once per process and address."""
    return _kept(current_app._get_current_object(), blueprint, title, server)  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's own way


@cache
def _kept(app: Flask, blueprint: Blueprint, title: str, server: str) -> dict[str, Any]:
    return describe(app, blueprint, title=title, server=server)


def _schemas(rules: list[tuple[Rule, str, Any]]) -> tuple[References, dict[str, Any]]:
    """Return how each schema is referred to, and all of them by name."""
    wanted: dict[tuple[Any, Any], None] = {(Problem, "serialization"): None}
    for _, _, view in rules:
        operation = operation_of(view)
        if operation is not None:
            wanted[operation.answer, "serialization"] = None
            if operation.body is not None:
                wanted[operation.body, "validation"] = None
    references, definitions = models_json_schema(list(wanted), ref_template=REF)
    return references, dict(sorted(definitions["$defs"].items()))


def _operation(rule: Rule, method: str, view: Any, references: References) -> dict[str, Any]:
    words = inspect.cleandoc(view.__doc__ or "").split("\n\n", 1)
    found: dict[str, Any] = {
        "operationId": f"{rule.endpoint.partition('.')[2]}_{method.lower()}",
        "summary": words[0].rstrip("."),
        "parameters": [_in_path(each["name"], each["kind"]) for each in CONVERTER.finditer(rule.rule)],
    }
    operation = operation_of(view)
    if operation is None:
        return {**found, **_of_itself(view)}
    scopes = sorted(each.value for each in view.api_scopes)
    if scopes:
        found["description"] = f"Needs the scope {' '.join(scopes)}."
        found["security"] = [{"oauth": scopes}, {"key": []}]
    found["parameters"] += list(_parameters(operation))
    if operation.body is not None:
        schema = references[operation.body, "validation"]
        sent_as = PATCH_TYPE if method == "PATCH" else "application/json"
        found["requestBody"] = {"required": operation.needs_body, "content": {sent_as: {"schema": schema}}}
    found["responses"] = _responses(operation, references)
    return found


def _responses(operation: Operation, references: References) -> dict[str, Any]:
    schema = references[operation.answer, "serialization"]
    good = {"description": operation.status.phrase, "content": {"application/json": {"schema": schema}}}
    refused = {*ALWAYS, *operation.refuses}
    if operation.has_pages or operation.takes_key:
        refused.add(HTTPStatus.UNPROCESSABLE_ENTITY)
    if operation.takes_key:
        refused.add(HTTPStatus.CONFLICT)
    if operation.body is not None:
        refused.add(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    problem = {MEDIA_TYPE: {"schema": references[Problem, "serialization"]}}
    others = {str(int(each)): {"description": DESCRIPTIONS[each], "content": problem} for each in sorted(refused)}
    return {str(int(operation.status)): good, **others}


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.has_pages:
        number = {"type": "integer", "minimum": 1}
        yield _in_query("page", "Which page, from 1", {**number, "default": 1})
        yield _in_query("size", "How many of a page", {**number, "maximum": 100, "default": 25})
    if operation.lists is not None:
        names = ", ".join(operation.lists)
        yield _in_query(
            "$filter",
            "Terms such as `name eq 'x'` or `contains(name,'x')`, joined by and, or, not and brackets; "
            f"eq, ne, gt, ge, lt, le, contains, startswith; at most 20. Properties: {names}",
            {"type": "string"},
        )
        yield _in_query("$orderby", f"Names divided by commas, each with asc or desc. {names}", {"type": "string"})
    for name, words in operation.query:
        yield _in_query(name, words, {"type": "string"})
    if operation.takes_key:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key within 24 hours gives the same answer, and nothing is done twice",
            "schema": {"type": "string", "minLength": 1, "maxLength": 80},
        }


def _in_query(name: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": words, "schema": schema}


def _in_path(name: str, kind: str | None) -> dict[str, Any]:
    schema = {"type": "string", "format": "uuid"} if kind == "uuid" else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _of_itself(view: Any) -> dict[str, Any]:
    found: dict[str, Any] = view.api_description
    return found


def _proofs(server: str) -> dict[str, Any]:
    flow = {"tokenUrl": f"{server}/oauth/token", "scopes": {each.value: each.value for each in ApiScope}}
    return {
        "oauth": {"type": "oauth2", "flows": {"clientCredentials": flow}},
        "key": {"type": "apiKey", "in": "header", "name": "X-ApiKey"},
        "basic": {"type": "http", "scheme": "basic"},
    }


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One answer of a call: `schema` is the name of what it holds."""

    status: str
    words: str
    schema: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a page shows it."""

    id: str
    method: str
    path: str
    summary: str
    scopes: tuple[str, ...]
    parameters: tuple[Mapping[str, Any], ...]
    body: str
    answers: tuple[AnswerLine, ...]

    @property
    def title(self) -> str:
        """Method and path, which may break behind each slash on a narrow screen."""
        return f"{self.method} {self.path}".replace("/", "/\u200b")


def calls_of(described: Mapping[str, Any]) -> list[Call]:
    """Return the calls of a description, in the order of their paths."""
    return [
        Call(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            scopes=tuple(scope for each in operation.get("security", ()) for scope in each.get("oauth", ())),
            parameters=tuple(operation["parameters"]),
            body=_schema_in(operation.get("requestBody", {})),
            answers=tuple(
                AnswerLine(status, answer["description"], _schema_in(answer))
                for status, answer in operation["responses"].items()
            ),
        )
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]


def _schema_in(part: Mapping[str, Any]) -> str:
    """Return the name of the schema a body or answer holds, or nothing where it has none of its own."""
    for content in part.get("content", {}).values():
        reference = content.get("schema", {}).get("$ref", "")
        return str(reference).rpartition("/")[2]
    return ""
