from pathlib import Path

import pytest
from benchmarks.__main__ import EXIT_BROKEN, EXIT_MISSED, main, parse
from benchmarks.common import peer_venv
from benchmarks.common.peer_venv import peer_python
from benchmarks.common.places import MissingData, bank_marketing_csv, digest_of
from benchmarks.common.section import HEAD, Goal, Section, table, write_section
from benchmarks.common.spread import Spread, paired_differences, paired_ratios

pytestmark = pytest.mark.unit


def section(key: str, *, passed: bool = True, complete: bool = True, note: str = "") -> Section:
    goal = Goal(name="speed", limit="at most 1 s", observed="2 s", passed=passed)
    return Section(
        key=key, title=key, command=f"python -m benchmarks {key}", versions="x 1", goals=(goal,), blocks=(note,),
        complete=complete,
    )  # fmt: skip


def test_a_spread_shows_median_and_range() -> None:
    assert Spread.of([3.0, 1.0, 2.0]).show(".1f") == "2.0 (1.0 to 3.0, n=3)"
    with pytest.raises(ValueError, match="at least one"):
        Spread.of([])


def test_pairs_stay_pairs() -> None:
    assert paired_ratios([10, 40], [1, 2]).values == (10, 20)
    assert paired_differences([10, 40], [1, 2]).values == (9, 38)
    with pytest.raises(ValueError, match="zip"):
        paired_ratios([1], [1, 2])


def test_a_section_replaces_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    for key, note in (("one", "first"), ("two", "second"), ("one", r"third \1 \g<0>")):
        write_section(section(key, note=note), path)
    content = path.read_text()
    assert content.startswith(HEAD)
    assert "first" not in content
    assert content.index(r"third \1 \g<0>") < content.index("second")
    assert content.count("<!-- begin one -->") == content.count("<!-- end one -->") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["RESULTS.md"]


def test_a_missed_goal_is_written_down() -> None:
    assert "| speed | at most 1 s | 2 s | **FAIL** |" in section("x", passed=False).render()
    assert "| speed | at most 1 s | 2 s | pass |" in section("x").render()


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [(1, 2)]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.mark.parametrize(
    ("made", "code", "written"),
    [
        (section("dag_parse"), 0, True),
        (section("dag_parse", passed=False), EXIT_MISSED, True),
        (section("dag_parse", complete=False), 0, False),
        (RuntimeError("no server"), EXIT_BROKEN, False),
    ],
)
def test_the_exit_code_and_the_file_tell_what_became_of_it(
    made: Section | Exception, code: int, written: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(options: object, command: str) -> Section:
        if isinstance(made, Exception):
            raise made
        return made

    results = tmp_path / "RESULTS.md"
    monkeypatch.setattr("benchmarks.dag_parse.suite.run", run)
    monkeypatch.setattr("benchmarks.__main__.RESULTS", results)
    assert main(["dag_parse"]) == code
    assert results.exists() is written


def test_a_part_of_a_benchmark_is_kept_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.dag_parse.suite.run", lambda options, command: section("x", complete=False))
    assert main(["dag_parse", "--results", str(tmp_path / "mine.md")]) == 0
    assert "## x" in (tmp_path / "mine.md").read_text()


def test_options_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["model", "--datasets", "bank,wine"]).datasets == ["bank", "wine"]
    for wrong in (["model", "--engines", "ours,nobody"], ["model", "--datasets", "iris"], ["unknown"]):
        with pytest.raises(SystemExit):
            parse(wrong)
    assert "'nobody' is none of ours, flaml, autogluon" in capsys.readouterr().err


def test_missing_data_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_MARKETING_CSV", str(tmp_path / "none.csv"))
    with pytest.raises(MissingData, match=r"none\.csv"):
        bank_marketing_csv()
    (tmp_path / "here.csv").write_text("a\n")
    assert bank_marketing_csv(str(tmp_path / "here.csv")) == (tmp_path / "here.csv").resolve()


def test_a_digest_follows_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    before = digest_of(file)
    file.write_text("2")
    assert digest_of(file) != before


class TestPeerEnvironment:
    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[list[str]] = []
        self.broken = False
        self.requirements = tmp_path / "requirements.txt"
        self.requirements.write_text("x==1\n")
        monkeypatch.setattr(peer_venv, "WORK", tmp_path / "bench")
        monkeypatch.setattr(peer_venv, "REPOSITORY", tmp_path)
        monkeypatch.setattr(peer_venv, "_uv", lambda: "uv")
        monkeypatch.setattr("benchmarks.common.peer_venv.subprocess.run", self._run)

    def _run(self, command: list[str], **options: object) -> None:
        self.commands.append(command)
        if "install" in command and self.broken:
            raise KeyboardInterrupt
        if "venv" in command:
            python = Path(command[-1], "bin", "python")
            python.parent.mkdir(parents=True)
            python.touch()

    def test_it_is_made_once(self) -> None:
        first = peer_python("peer", self.requirements)
        assert peer_python("peer", self.requirements) == first
        assert len(self.commands) == 2

    def test_other_requirements_make_it_anew(self) -> None:
        peer_python("peer", self.requirements)
        self.requirements.write_text("x==2\n")
        peer_python("peer", self.requirements)
        assert len(self.commands) == 4

    def test_an_interrupted_installation_does_not_pass_for_a_whole_one(self) -> None:
        self.broken = True
        with pytest.raises(KeyboardInterrupt):
            peer_python("peer", self.requirements)
        self.broken = False
        peer_python("peer", self.requirements)
        assert len(self.commands) == 4
