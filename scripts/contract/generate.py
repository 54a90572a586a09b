"""Write `allograph/generated` from the contract: models, interface, routes and the contract itself."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml

from scripts.contract import overlay
from scripts.contract.capture import encode
from scripts.contract.operations import ContractError, Operation, operations

COMMAND = "make regen"
MODEL_OPTIONS = (
    "--input-file-type", "openapi", "--preset", "standard-py311-20261027", "--target-pydantic-version", "2.14",
    "--enum-field-as-literal", "all", "--reuse-model", "--collapse-reuse-models",
    "--use-missing-sentinel", "--extra-fields", "allow", "--strict-types", "int", "float", "bool",
    "--formatters", "ruff-check", "ruff-format", "--disable-timestamp",
)  # fmt: skip
TEMPLATES = Path(__file__).parent / "templates"
OUR_TYPES = {"integer": "allograph.validation.Integer", "number": "allograph.validation.Number"}
"""JSON knows one kind of number: `303.0` is an integer, and `5` given for a number stays `5`."""

ANNOTATIONS = {"title", "description", "deprecated", "examples", "example"}


def contract(folder: Path) -> dict[str, Any]:
    """The contract that is served: upstream with reality laid over it."""
    document: dict[str, Any] = with_reality(folder).document
    return document


def with_reality(folder: Path) -> overlay.Overlaid:
    """The same with the journal, which takes reality away again."""
    upstream = json.loads((folder / "upstream.json").read_bytes())
    return overlay.apply(upstream, overlay.load(folder / "reality.overlay.yaml"))


def named(served: dict[str, Any], folder: Path) -> overlay.Overlaid:
    """The contract with `x-name` on the schemas that it leaves anonymous."""
    return overlay.apply(served, overlay.load(folder / "naming.overlay.yaml"))


def names_of(folder: Path) -> dict[str, str]:
    """The method of each operation by its operationId."""
    names: dict[str, str] = yaml.safe_load((folder / "operations.yaml").read_text()) or {}
    return names


def generate(folder: Path, out: Path) -> None:
    """Replace `out` by what the contract in `folder` gives; a failure leaves it as it was."""
    with tempfile.TemporaryDirectory(prefix="generated-", dir=out.parent) as scratch:
        fresh = Path(scratch) / "generated"
        fresh.mkdir()
        for name, content in files(folder).items():
            (fresh / name).write_bytes(content)
        if out.exists():
            out.rename(Path(scratch) / "before")
        fresh.rename(out)


def files(folder: Path) -> dict[str, bytes]:
    """Every generated file by name."""
    served = contract(folder)
    source = hoisted(named(served, folder).document)
    found = operations(source, names_of(folder))
    version = (folder / "upstream.version").read_text().strip()
    header = f'"""Made by `{COMMAND}` from openapi/upstream.json ({version}) and overlays; never edited by hand."""\n'
    models = _models(source, f"{header}# mypy: ignore-errors\n")
    _check_models(found, models)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,  # noqa: S701  Python, not HTML
    )  # fmt: skip
    tags = _by_tag(found, served)
    values = {"header": header, "operations": found, "tags": tags}
    return {
        "__init__.py": f'{header}\nUPSTREAM_VERSION = "{version.split()[-1]}"\n'.encode(),
        "models.py": models.encode(),
        "interface.py": _formatted(templates.get_template("interface.py.j2").render(values), "interface.py"),
        "routes.py": _formatted(templates.get_template("routes.py.j2").render(values), "routes.py"),
        "openapi.json": encode(served),
    }


def _by_tag(found: list[Operation], served: dict[str, Any]) -> dict[str, list[Operation]]:
    """Operations by tag, tags and operations in the order of the contract."""
    order = [tag["name"] for tag in served.get("tags", ())]
    order += sorted({operation.tag for operation in found} - set(order))
    return {tag: group for tag in order if (group := [operation for operation in found if operation.tag == tag])}


def hoisted(named_contract: dict[str, Any]) -> dict[str, Any]:
    """The contract as the model generator takes it: named schemas are components, integers are of our type."""
    document: dict[str, Any] = json.loads(json.dumps(named_contract))
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for parent, key, schema in list(_schemas_named(document)):
        name = schema.pop("x-name")
        if name in schemas and _bare(schemas[name]) != _bare(schema):
            raise ContractError(f"naming.overlay.yaml calls two different schemas {name}: give one of them another name")
        schemas.setdefault(name, schema)
        parent[key] = {"$ref": f"#/components/schemas/{name}"}
    for node in _objects(document):
        if "$ref" in node and set(node) - {"$ref"} <= ANNOTATIONS | {"type"}:
            node.pop("type", None)
            for annotation in ANNOTATIONS & set(node):
                del node[annotation]
        if isinstance(node.get("type"), list) and "number" in node["type"]:
            # A type of its own can be given to one type only.
            node["anyOf"] = [{"type": one} for one in node.pop("type")]
        if "enum" not in node and (ours := OUR_TYPES.get(str(node.get("type")))):
            node["customTypePath"] = ours
        if node.pop("nullable", False) and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
    return document


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for member in list(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()):
        yield from _objects(member)


def _schemas_named(node: Any) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Schemas with an `x-name`, innermost first, each with the container and key that hold it."""
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, member in members:
        yield from _schemas_named(member)
        if isinstance(member, dict) and "x-name" in member:
            yield node, key, member


def _bare(node: Any) -> Any:
    """A schema without what does not affect validation."""
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if not (key in ANNOTATIONS and isinstance(value, str))}
    return [_bare(item) for item in node] if isinstance(node, list) else node


def _models(source: dict[str, Any], header: str) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        given, made, head = (Path(scratch) / name for name in ("contract.json", "models.py", "header"))
        given.write_text(json.dumps(source))
        head.write_text(header)
        subprocess.run(
            [sys.executable, "-m", "datamodel_code_generator", "--input", str(given), "--output", str(made),
             "--custom-file-header-path", str(head), *MODEL_OPTIONS],
            check=True, cwd=scratch,
        )  # fmt: skip
        return made.read_text()


def _check_models(found: list[Operation], models: str) -> None:
    defined = {node.name for node in ast.parse(models).body if isinstance(node, ast.ClassDef)}
    for node in ast.parse(models).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    for operation in found:
        for name in re.findall(r"models\.(\w+)", f"{operation.body} {operation.reply}"):
            if name not in defined:
                raise ContractError(
                    f"{operation.operation_id} needs the model {name}, which was not generated: another schema of the "
                    "same shape stands for it; refer to that one, or make them differ"
                )


def _formatted(source: str, name: str) -> bytes:
    """As `ruff check --fix` and `ruff format` leave it, with the settings of this project."""
    text = source.encode()
    for command in (["check", "--fix-only", "--select", "I,F401"], ["format"]):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--quiet", "--line-length", "120", "--target-version", "py311",
             "--isolated", "--stdin-filename", name, "-"],
            input=text, stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
    return text


def stale(folder: Path, out: Path) -> list[str]:
    """The generated files that are not what the contract gives now: changed, missing or left over."""
    fresh = files(folder)
    present = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} if out.exists() else {}
    return sorted(name for name in fresh.keys() | present.keys() if fresh.get(name) != present.get(name))
