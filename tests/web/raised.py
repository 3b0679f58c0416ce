"""Which sentences the code can say, read from its source: each error that is raised, and each warning.

A sentence is text with holes. What stands in a hole is followed as far as it is text of the code: constants, both
branches of a condition, helpers of the same module, and what a helper's callers give it. The rest is a value, for which
a mark stands.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

import fshunt
from fshunt import errors
from fshunt.db.queries.changes import Subject
from fshunt.hunting.destinations import DestinationKind
from fshunt.services.rights import Action
from fshunt.services.users import Role, Scope

ROOT = Path(fshunt.__file__).parent
VALUE = "\u27e6x\u27e7"
"""Stands for a value."""
QUOTES = {"shown", "_shown", "_quoted", "_in_short"}
"""Helpers that show a value."""
MAX_WAYS = 64
"""Of one sentence."""

ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {"NotSignedIn", "Forged"}

NEAR = (f"did you mean {VALUE}?", f"did you mean {VALUE} or {VALUE}?")
WORDS: dict[str, Sequence[str]] = {
    "access.role.value": [str(each) for each in Role],
    "role.value": [str(each) for each in Role],
    "row.role": [str(each) for each in Role],
    "action.value": [str(each) for each in Action],
    "change.subject.value": [str(each) for each in Subject],
    "SCOPES.get(action, Scope.WRITE)": [VALUE],
    "', '.join(Scope)": [", ".join(Scope)],
    "self.kind": [str(each) for each in DestinationKind],
}
"""What some expressions can be, by their source: the words of an enumeration."""
WORDS_OF_ENUMS = {word for words in WORDS.values() for word in words} | set(DestinationKind)
"""Words that programs know, too: the same in all languages."""


@dataclass
class Module:
    """One module: its functions, its constants, and who calls what in it."""

    path: Path
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.path.read_text())
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        nodes = list(ast.walk(self.tree))
        self.functions = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
        self.calls = [node for node in nodes if isinstance(node, ast.Call)]
        self.constants = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def functions_around(self, node: ast.AST) -> Iterator[ast.FunctionDef]:
        """Yield the functions that a node is in, the innermost first."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef):
                yield node

    def ways(self, node: ast.AST | None) -> list[str]:
        """Return the texts that an expression can be."""
        if isinstance(node, (ast.expr, ast.FormattedValue)) and ast.unparse(node).strip("{}") in WORDS:
            return list(WORDS[ast.unparse(node).strip("{}")])
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return ["".join(way) for way in islice(product(*(self.ways(part) for part in parts)), MAX_WAYS)]
            case ast.FormattedValue(value=value):
                return self.ways(value)
            case ast.IfExp(body=body, orelse=other):
                return self.ways(body) + self.ways(other)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return ["".join(way) for way in product(self.ways(left), self.ways(right))]
            case ast.Call():
                return self._of_call(node)
            case ast.Name(id=name):
                return self._of_name(node, name)
        return [VALUE]

    def _of_call(self, node: ast.Call) -> list[str]:
        match node.func:
            case ast.Name(id="or_nearest"):
                return [*NEAR, *self.ways(node.args[2])]
            case ast.Name(id="did_you_mean"):
                return ["", f" (did you mean `{VALUE}`?)"]
            case ast.Name(id="what_there_is"):
                (what,) = self.ways(node.args[2])
                return [*NEAR, f"there is no {what} yet.", f"there is {VALUE}.", f"there are {VALUE}, {VALUE}, ..."]
            case ast.Name(id="_unless_equal"):
                return ["", *(each.replace("{}", VALUE) for each in self.ways(node.args[0]))]
            case ast.Name(id=name) if name in self.functions and name not in QUOTES:
                function = self.functions[name]
                returned = [each.value for each in ast.walk(function) if isinstance(each, ast.Return)]
                texts = [each for each in returned if isinstance(each, (ast.JoinedStr, ast.Constant, ast.IfExp))]
                return [way for each in texts for way in self.ways(each)] or [VALUE]
        return [VALUE]

    def _of_name(self, node: ast.AST, name: str) -> list[str]:
        for function in self.functions_around(node):
            given = [
                each.value
                for each in ast.walk(function)
                if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in each.targets)
            ]
            if given:
                return [way for each in given for way in self.ways(each)]
            names = [argument.arg for argument in function.args.args]
            if name in names:
                return self._of_parameter(function.name, names.index(name), name)
        constant = self.constants.get(name)
        return self.ways(constant) if isinstance(constant, (ast.Constant, ast.JoinedStr)) else [VALUE]

    def _of_parameter(self, function: str, place: int, name: str) -> list[str]:
        found = [each for each in self.calls if isinstance(each.func, ast.Name) and each.func.id == function]
        texts = []
        for call in found:
            keyword = next((each.value for each in call.keywords if each.arg == name), None)
            value = keyword or (call.args[place] if place < len(call.args) else None)
            if isinstance(value, (ast.Constant, ast.JoinedStr)):
                texts += self.ways(value)
        return texts or [VALUE]

    def raised(self) -> Iterator[tuple[int, str]]:
        """Yield the line and the sentence of each error of ours that the module makes."""
        for call in self.calls:
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if name in ERRORS and call.args and name != "SlowDown":
                yield from ((call.lineno, way) for way in self.ways(call.args[0]))

    def texts_in(self, function: str) -> Iterator[tuple[int, str]]:
        """Yield the sentences in a function: what begins with a capital letter and ends with a stop."""
        for node in ast.walk(self.functions[function]):
            if isinstance(node, (ast.JoinedStr, ast.Constant)) and not isinstance(self.parents[node], ast.JoinedStr):
                for way in self.ways(node):
                    if way[:1].isupper() and " " in way and not isinstance(self.parents[node], ast.Expr):
                        yield node.lineno, way


def modules(*packages: str) -> Iterator[Module]:
    """Yield the modules of some packages."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield Module(path)
