"""The OpenAPI 3.1 document, made from the operations and the forms."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from fshunt import __version__
from fshunt.hunting.group_fields import Field
from fshunt.services.serialize import SCHEMA
from fshunt.web.api.answers import DEFAULT_LIMIT
from fshunt.web.api.bodies import JSON, MERGE_PATCH
from fshunt.web.api.forms import EVENTS, FORMS, WHEN, body_schema, example_of, field_of_body
from fshunt.web.api.operations import KEY_HEADER, OPERATIONS, PREFIX, Operation
from fshunt.web.api.parameters import PATH_PARAMETERS
from fshunt.web.live.events import EVENT_STREAM
from fshunt.web.problems import PROBLEM

_IN_PATH = re.compile(r"\{(\w+)\}")
ERRORS = {
    400: "The request cannot be read",
    401: "There is no token, or it does not hold",
    403: "The token's user or scopes do not allow it",
    404: "It does not exist, or is not for the token's user",
    409: "It contradicts what is there",
    412: "Somebody has changed it in the meantime",
    413: "The body is larger than one megabyte",
    415: "The body is not JSON",
    422: "A value does not fit",
    428: "`If-Match` is missing",
    429: "The token has sent too many requests",
    503: "The database is not available, or too much is asked at once",
}
TAGS = {
    "groups": "Groups",
    "members": "Members and blocks",
    "hours": "Business hours, holidays, closed by hand",
    "boards": "Boards for wall screens",
    "notices": "Who is told what happens",
    "calls": "Calls",
    "events": "What happens now, as it happens",
    "users": "Users and tokens",
    "changes": "Who changed what",
    "system": "Daemons",
}


@cache
def openapi() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for op in OPERATIONS:
        paths.setdefault(op.path, {})[op.method.lower()] = _operation(op)
    bodies = {op.body.name: body_schema(op.body) for op in OPERATIONS if op.body is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fshunt",
            "version": __version__,
            "summary": "Hunt groups of FreeSWITCH",
            "description": "docs/rest.md is the manual. Each operation needs a token: `fshunt token add`.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": FORMS | bodies | {f"event_{name}": shape for name, shape in EVENTS.items()},
            "responses": {str(status): _problem(about) for status, about in ERRORS.items()},
        },
    }


def _operation(op: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": op.name,
        "summary": op.summary,
        "tags": [op.view.__module__.rpartition(".")[2]],
        "parameters": [*_path_parameters(op), *_query_parameters(op), *_header_parameters(op)],
        "responses": {str(op.status.value): _answer(op), **_errors(op)},
    }
    if op.body is not None:
        schema = {"$ref": f"#/components/schemas/{op.body.name}"}
        content = {"schema": schema, "example": op.example}
        kinds = (JSON, MERGE_PATCH) if op.body.patch else (JSON,)
        made["requestBody"] = {"required": True, "content": dict.fromkeys(kinds, content)}
    return made


def _path_parameters(op: Operation) -> list[dict[str, Any]]:
    found = []
    for name in _IN_PATH.findall(op.path):
        part = PATH_PARAMETERS[name]
        about = {"description": part.label, "schema": part.schema, "example": part.example}
        found.append({"name": name, "in": "path", "required": True, **about})
    return found


def _query_parameters(op: Operation) -> list[dict[str, Any]]:
    return [
        {"name": field.name, "in": "query", "description": field.label, "schema": _schema_in_query(field)}
        for field in op.query
    ]


def _schema_in_query(field: Field) -> dict[str, Any]:
    schema = {name: value for name, value in field_of_body(field).items() if name != "title"}
    if isinstance(schema["type"], list):
        schema["type"] = field.kind.value
    return schema | {"default": DEFAULT_LIMIT} if field.name == "limit" else schema


def _header_parameters(op: Operation) -> list[dict[str, Any]]:
    found = []
    if op.stream:
        about = "The `id` of the last event that was read: calls that have changed since are told first"
        found.append(_header("Last-Event-ID", about, WHEN, required=False))
    if op.match:
        about = "The `ETag` of what was read: another one's change since is not overwritten. `*`: whatever is there"
        found.append(_header("If-Match", about, "*", required=True))
    if op.repeatable:
        about = "Names this request for 24 hours: sent again, it makes nothing twice, and is answered as before"
        found.append(_header(KEY_HEADER, about, "b0c1f6d2", required=False))
    return found


def _header(name: str, about: str, example: str, *, required: bool) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": about,
        "schema": schema,
        "example": example,
    }


def _answer(op: Operation) -> dict[str, Any]:
    if op.form is None:
        return {"description": "Done"}
    if op.stream:
        return _stream(op)
    ref = {"$ref": f"#/components/schemas/{op.form}"}
    value = {"type": "array", "items": ref} if op.many else ref
    properties: dict[str, Any] = {
        "schema": {"type": "integer", "const": SCHEMA},
        op.kind: value,
        "warnings": {"type": "array", "items": {"type": "string"}},
    }
    example = {"schema": SCHEMA, op.kind: [example_of(ref)] if op.many else example_of(ref), "warnings": []}
    if op.many:
        properties["next_page"] = {"type": ["string", "null"], "description": "Address of the next page"}
        example["next_page"] = None
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    answer = {"description": op.summary, "content": {JSON: {"schema": schema, "example": example}}}
    headers = {}
    if op.versioned:
        headers["ETag"] = {"description": "The version, for `If-Match`", "schema": {"type": "string"}}
    if op.many:
        headers["Link"] = {"description": "The next page, as `next_page`", "schema": {"type": "string"}}
    return answer | {"headers": headers} if headers else answer


def _stream(op: Operation) -> dict[str, Any]:
    about = f"{op.summary}. The data of an event is a document: `event_now` and so on among the schemas."
    example = "".join(f"event: {name}\ndata: {json.dumps(example_of(shape))}\n\n" for name, shape in EVENTS.items())
    content = {EVENT_STREAM: {"schema": {"type": "string"}, "example": example}}
    return {"description": about, "content": content}


def _errors(op: Operation) -> dict[str, Any]:
    statuses = {400, 401, 403, 404, 429, 503} | ({422} if op.stream else set())
    if op.body is not None:
        statuses |= {413, 415, 422}
    if op.method != "GET":
        statuses |= {409, 422}
    if op.match:
        statuses |= {412, 428}
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}


def _problem(about: str) -> dict[str, Any]:
    return {"description": about, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/problem"}}}}
