"""``emprops comfy``: work with the workflows of a ComfyUI."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from emprops.cli.exits import fail, one_sentence, read_settings
from emprops.connectors.base import ConnectorError
from emprops.connectors.comfyui.api import Api
from emprops.connectors.comfyui.catalogue import read_catalogue
from emprops.kit.lenient_json import NotJsonError, read_json
from emprops.workflows.embedded.find import Found, NoWorkflowError, find_workflow
from emprops.workflows.importing import GraphNotConvertedError, Imported, imported

app = typer.Typer(help="Work with the workflows of a ComfyUI.", no_args_is_help=True, add_completion=False)


@app.callback()
def comfy() -> None:
    """Work with the workflows of a ComfyUI."""


@app.command()
def convert(
    workflow: Annotated[Path, typer.Argument(help="The workflow as the editor saves it, or a file that ComfyUI made.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write it; else stdout.")] = None,
    comfyui: Annotated[str | None, typer.Option(help="Address of a ComfyUI; else EMPROPS_COMFYUI_URL.")] = None,
    object_info: Annotated[Path | None, typer.Option(help="A file with what /object_info answered, instead.")] = None,
) -> None:
    """Convert a saved workflow to API format, by the node classes of a ComfyUI.

    What cannot be converted, and what is left out, is named on stderr.

    The workflow may be within a picture, video or sound. If that has only what
    ComfyUI ran, that is written as it is.

    For example:

        $ emprops comfy convert saved.json -o api.json --comfyui http://gpu-1:8188
        $ emprops comfy convert fox.png | jq keys
    """
    found = _find(workflow)
    url = comfyui or read_settings().comfyui_url
    if found.workflow is None:
        made = imported(found.data()["workflow"], [])
    elif found.prompt is not None and not url and object_info is None:
        typer.echo(
            "- this is the graph that ComfyUI ran; to convert the saved one, name a ComfyUI: --comfyui", err=True
        )
        made = imported(found.prompt, [])
    else:
        made = _converted(found, _classes(url, object_info))
    filled, remarks = made.filled()
    for warning in (*made.warnings, *remarks):
        typer.echo(f"- {warning}", err=True)
    for one in filled:
        signs = " and ".join(one.signs)
        typer.echo(
            f"- node {one.node}: {signs} in {one.input}; EmProps fills them in, ComfyUI's API does not", err=True
        )
    text = orjson.dumps(made.graph, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if output is None:
        typer.echo(text.decode(), nl=False)
    else:
        output.write_bytes(text)


def _converted(found: Found, known: dict[str, Any]) -> Imported:
    try:
        return imported(found.data()["workflow"], [read_catalogue(known)], found.prompt)
    except GraphNotConvertedError as error:
        fail("\n".join(["The workflow cannot be converted:", *(f"- {problem}" for problem in error.problems)]))


def _find(path: Path) -> Found:
    try:
        with path.open("rb") as file:
            return find_workflow(file)
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}.")
    except NoWorkflowError as error:
        fail(str(error))


def _classes(url: str, object_info: Path | None) -> dict[str, Any]:
    if object_info is not None:
        known = _read(object_info)
    else:
        with one_sentence():
            known = asyncio.run(_ask(url))
    if not isinstance(known, dict):
        fail(f"{object_info} is not what /object_info answers: an object of node classes.")
    return known


def _read(path: Path) -> Any:
    try:
        return read_json(path.read_bytes())  # as a ComfyUI wrote it, with NaN and all
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}.")
    except NotJsonError:
        fail(f"{path} is not JSON.")


async def _ask(url: str) -> dict[str, Any]:
    if not url:
        fail("Name a ComfyUI with --comfyui http://127.0.0.1:8188, or EMPROPS_COMFYUI_URL; or use --object-info.")
    api = Api(url)
    try:
        return await api.get("/object_info")
    except ConnectorError as error:
        fail(error.message)
    finally:
        await api.close()
