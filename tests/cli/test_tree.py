"""What holds for every command."""

import inspect
import re

import pytest
from tests.cli.tree import commands, documented, json_option_of
from typer.testing import CliRunner

from emprops.cli.main import COMMANDS, app

WITHOUT_JSON = {
    "up": "runs until it is stopped",
    "api": "runs until it is stopped",
    "upkeep": "runs until it is stopped",
    "worker": "runs until it is stopped",
    "db schema": "writes a file and prints nothing",
    "comfy convert": "prints JSON anyway: the graph",
    "audit export": "prints JSON anyway: a line for each entry",
}
LINE = 78
"""What fits into a help text in 80 columns."""


@pytest.mark.parametrize("name", commands())
def test_what_prints_data_prints_json(name: str) -> None:
    option = json_option_of(commands()[name])
    assert (option is None) == (name in WITHOUT_JSON)
    if option is not None:
        assert documented(commands()[name])


def test_the_exceptions_exist() -> None:
    assert WITHOUT_JSON.keys() <= commands().keys()


@pytest.mark.parametrize("name", commands())
def test_every_command_says_what_it_and_its_parameters_are_for(name: str) -> None:
    command = commands()[name]
    first, *more = inspect.cleandoc(command.help).split("\n\n")
    assert first[0].isupper()
    assert first.endswith((".", "`."))
    assert all(param.help for param in command.params)
    for line in "\n\n".join(more).splitlines():
        assert len(line) <= LINE, line


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_and_their_own_help_come_from_one_place(name: str) -> None:
    """The list has a shorter text, in full; completion belongs to the command as a whole."""
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    assert COMMANDS[name].help in listed
    own = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert own.exit_code == 0
    assert "--install-completion" not in own.stdout


def test_a_command_that_is_not_there_is_told_with_the_nearest() -> None:
    wrong = CliRunner().invoke(app, ["job"])
    assert wrong.exit_code == 2
    assert "Did you mean 'jobs'?" in wrong.stderr


def test_examples_in_help_texts_are_commands() -> None:
    """Each line that begins with ``emprops`` names a command that exists, and options that it has."""
    texts = [inspect.cleandoc(command.help) for command in commands().values()]
    examples = [line.strip() for text in texts for line in text.splitlines() if line.startswith("    ")]
    assert len(examples) > 10
    for example in examples:
        called = re.search(r"(?<![/\w])emprops [^|)]+", example)
        assert example.startswith("$ ")
        assert called is not None, example
        words = re.sub(r'"[^"]*"', "text", called[0]).split()[1:]
        name = next((name for name in (" ".join(words[:2]), words[0]) if name in commands()), "")
        assert name, example
        options = {option for param in commands()[name].params for option in param.opts}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= options, example
