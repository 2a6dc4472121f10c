from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from real_time import undisturbed

from robocell_controller.cell import plants
from robocell_controller.cell.config import CellConfig
from robocell_controller.commands import cli, operate
from robocell_controller.commands.cli import execute
from robocell_controller.commands.overview import PURPOSES
from robocell_controller.config import load
from robocell_controller.errors import ProcessDied
from robocell_controller.loop.log_reader import read_log


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert execute(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("robocell: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere"], "nowhere: no such folder; expected a bundle"),
        (["run", "program:oracle"], "program:oracle: not a program of the controller; expected program:guided"),
        (["run", "program:guided", "--cell", "nope"], "nope: no such file; expected a YAML file or one of"),
        (["run", "program:guided", "--parts", "0"], "--parts"),
        (["run", "program:guided", "--parts", "many"], "--parts"),
        (["run"], "Missing argument"),
        (["nonsense"], "nonsense"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in refusal(capsys, *arguments)


def write_cell(cell: CellConfig, path: Path, **changes: Any) -> str:
    path.write_text(json.dumps({**cell.model_dump(), **changes}))  # JSON is YAML
    return str(path)


def test_an_unknown_key_of_a_cell_is_named(
    capsys: pytest.CaptureFixture[str], cell: CellConfig, tmp_path: Path
) -> None:
    file = write_cell(cell, tmp_path / "cell.yaml", speed=1)
    assert f"{file}: speed (line 1): unknown key" in refusal(capsys, "run", "program:guided", "--cell", file)


def test_an_unknown_plant_is_named(capsys: pytest.CaptureFixture[str], cell: CellConfig, tmp_path: Path) -> None:
    file = write_cell(cell, tmp_path / "cell.yaml", plant="real")
    message = refusal(capsys, "run", "program:guided", "--cell", file)
    assert f"{file}: plant: 'real'; expected one of simulated" in message


def test_a_plant_whose_library_is_missing_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("simulated", "no_such_simulator:Plant", plants.PLANTS)
    monkeypatch.setattr(plants, "entry_points", lambda group: [entry])
    message = refusal(capsys, "run", "program:guided")
    assert "'simulated' needs no_such_simulator" in message
    assert "pip install 'robocell[train]'" in message


def test_commands_whose_libraries_are_missing_do_not_break_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("train", "no_such_trainer:register", cli.COMMANDS)
    monkeypatch.setattr(cli, "entry_points", lambda group: [entry])
    assert execute(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "More commands come with pip install 'robocell[train]'" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out.startswith("robocell ")


def test_ctrl_c_before_the_loop_is_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(operate, "operate", interrupted)
    assert execute(["run", "program:guided"]) == 130


def test_only_ctrl_c_is_code_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(*_: object) -> int:
        raise EOFError("No data left in file")

    def died(*_: object) -> int:
        raise ProcessDied("process loop", -11)

    monkeypatch.setattr(operate, "operate", unread)
    with pytest.raises(EOFError, match="No data left"):
        execute(["run", "program:guided"])
    capsys.readouterr()  # typer ends the line that a terminal's user has not
    monkeypatch.setattr(operate, "operate", died)
    assert execute(["run", "program:guided"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("robocell: error: process loop: killed by Segmentation fault (11); call again")
    assert told.count("\n") == 1


def test_a_run_prints_its_figures_and_keeps_its_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    assert execute(["run", "program:guided", "--parts", "1", "--seed", "4", "--log", str(log), "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert (figures["parts"], figures["placed"], figures["stopped"]) == (1, 1, None)
    assert figures["success"]["n"] == 1
    assert figures["latency_us"]["inference"].keys() == {"p50", "p99", "p99_9", "max"}
    assert captured.err == ""
    assert len(read_log(log).ticks) == round(
        figures["time_s"] * load(CellConfig, "cells", "pick_place").rates.controller_hz
    )
    assert "exists already" in refusal(capsys, "run", "program:guided", "--log", str(log))


@pytest.mark.usefixtures("real_time")
@undisturbed
def test_a_run_in_real_time_says_what_it_was_granted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    arguments = ["run", "program:guided", "--parts", "2", "--seed", "4", "--realtime", "--log", str(log)]
    code = execute([*arguments, "--json"])
    figures = json.loads(capsys.readouterr().out)
    timing = figures["timing"]
    assert (code, figures["parts"], figures["stopped"], timing["log_dropped"]) == (0, 2, None, 0)
    assert timing["granted"].keys() == {"plant", "guardian", "loop"}
    assert ("real-time" in timing["guarantee"]) == all(rights["fifo"] for rights in timing["granted"].values())
    assert timing["collections"] == 0
    about = read_log(log).about
    assert (about["granted"], about["guarantee"]) == (timing["granted"], timing["guarantee"])
    assert execute(["replay", str(log), "--bundle", "program:guided"]) == 0
    assert "the same commands and actions" in capsys.readouterr().out
    assert "exists already" in refusal(capsys, *arguments)


@pytest.mark.parametrize("option", [["--cell", "nope"], ["--log", "/proc/none/x.log"]])
def test_bad_input_of_a_run_in_real_time_is_one_line(capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    refusal(capsys, "run", "program:guided", "--realtime", *option)


def test_a_rate_that_cannot_be_kept_in_real_time_is_refused(
    capsys: pytest.CaptureFixture[str], cell: CellConfig, tmp_path: Path
) -> None:
    rates = {"policy_hz": 25, "controller_hz": 1000, "physics_hz": 1000}
    file = write_cell(cell, tmp_path / "cell.yaml", rates=rates)
    message = refusal(capsys, "run", "program:guided", "--cell", file, "--realtime")
    assert "rates.controller_hz: 1000; expected 50 to 500" in message


def test_a_process_passes_its_refusal_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere: no such folder" in refusal(capsys, "run", "nowhere", "--realtime")


def test_the_doctor_tells_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    code = execute(["doctor", "--seconds", "0.4", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert code == int(not findings["fit"])
    assert findings["ticks"] == 50
    assert findings["wake_us"]["max"] >= findings["wake_us"]["p50"] > 0
    assert findings["granted"].keys() == {"fifo", "core", "locked"}
    assert execute(["doctor", "--seconds", "0.1"]) in (0, 1)
    assert "SCHED_FIFO" in capsys.readouterr().out


def test_a_bundle_drives_the_plant(
    capsys: pytest.CaptureFixture[str], bundle: Path, cell: CellConfig, tmp_path: Path
) -> None:
    file = write_cell(cell, tmp_path / "cell.yaml", cycle_time_limit_s=0.4)
    assert execute(["run", str(bundle), "--cell", file, "--parts", "1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "0 of 1" in out
    assert "1 time_limit" in out


def test_a_bundle_for_another_cell_is_refused(
    capsys: pytest.CaptureFixture[str], bundle: Path, cell: CellConfig, tmp_path: Path
) -> None:
    motion = {**cell.motion.model_dump(), "yaw_rate_rad_s": 1.0}
    file = write_cell(cell, tmp_path / "cell.yaml", motion=motion)
    assert "contract.json: motion.yaw_rate_rad_s" in refusal(capsys, "run", str(bundle), "--cell", file)


def test_help_groups_the_commands_by_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line.removesuffix(":") for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options", *PURPOSES]  # none under "Others": each command has a purpose
    for names in PURPOSES.values():
        places = [next(at for at, line in enumerate(lines) if line.startswith(f"  {name} ")) for name in names]
        assert places == sorted(places)
