"""A model's report: figures are what evaluate gives, everything on the page is in the record, names stay names."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from counts import times
from edgelstm.cli.reporting import make_report, write
from edgelstm.data.pieces import Piece
from edgelstm.evaluation import evaluate, evaluate_streamed
from edgelstm.model_file import save_model
from edgelstm.quantization import quantize
from edgelstm.report import Asked, History, ModelReport, read_report
from edgelstm.report.building import MOST_FRAMES
from edgelstm.report.page import page
from edgelstm.report.page.about import about_section
from edgelstm.report.page.text import Clock
from edgelstm.report.record import EpochFacts
from edgelstm.report.samples import hues_of
from pages import Page
from reported import TASKS, reported

HOSTILE = "<script>alert(1)</script>\"'><img src=http://x.example/>"


def made(kind, folder, name="thing", **size):
    found = reported(kind, name, **size)
    path = folder / "model.npz"
    save_model(found.model, path)
    asked = Asked(found.dataset, found.dataset, "all")
    return make_report(path, found.model, asked, History(why="nobody trained it")), found


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return {kind: made(kind, tmp_path_factory.mktemp("report")) for kind in TASKS}


def close(found, expected):
    return found == expected or found == pytest.approx(expected, rel=2e-3, abs=1e-6)


@pytest.mark.parametrize("kind", TASKS)
def test_figures_are_those_of_evaluate(reports, kind):
    """int8 to the last bit, as the C core computes as the reference does; float32 but for roundings."""
    report, found = reports[kind]
    model, data = found.model, found.dataset
    expected = {
        ("float32", False): evaluate(model, data),
        ("float32", True): evaluate_streamed(model, data),
        ("int8 per-row", False): evaluate(quantize(model), data),
        ("int8 per-row", True): evaluate_streamed(quantize(model), data),
    }
    assert {(result.precision, result.streamed) for result in report.results} == set(expected)
    for result in report.results:
        wanted = expected[result.precision, result.streamed]
        assert result.answers == wanted.count
        assert [figure.name for figure in result.figures] == [figure.name for figure in wanted.figures()]
        for figure, other in zip(result.figures, wanted.figures()):
            assert close(figure.value, other.value), (result.precision, figure.name)


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_written_is_read_again_and_makes_the_same_page(reports, kind, tmp_path):
    report, _ = reports[kind]
    size = write(report, tmp_path / "r.html", tmp_path / "r.json")
    again = read_report(tmp_path / "r.json")
    assert again == report
    text = page(again)
    assert text == (tmp_path / "r.html").read_text(encoding="utf-8")
    assert size == len(text.encode())


@pytest.mark.parametrize("kind", TASKS)
def test_pages_are_whole_and_need_nothing(reports, kind):
    report, found = reports[kind]
    shown = Page(page(report))
    shown.check_self_contained()
    assert shown.count("h1") == 1
    assert shown.count("svg") >= (1 if kind != "text" else 0)
    for label in found.dataset.labels[:3]:
        assert label in shown.text


@pytest.mark.parametrize("kind", TASKS)
def test_hostile_names_stay_text(tmp_path, kind):
    report, _ = made(kind, tmp_path, HOSTILE)
    shown = Page(page(report))
    shown.check_self_contained()
    assert HOSTILE in shown.text
    assert HOSTILE not in shown.whole


@pytest.mark.parametrize("kind", ["classify", "frames"])
def test_the_confusion_is_that_of_evaluate(reports, kind):
    report, found = reports[kind]
    wanted = evaluate(quantize(found.model), found.dataset)
    result = next(r for r in report.results if r.precision == "int8 per-row" and not r.streamed)
    assert np.array_equal(result.classes.confusion, wanted.confusion)
    assert [row.recall for row in result.classes.rows] == pytest.approx(wanted.recall.tolist(), nan_ok=True)
    cells = {str(count) for row in wanted.confusion.tolist() for count in row if count}
    assert cells <= set(Page(page(report)).words)


def test_groups_come_together_to_the_whole(reports):
    report, _ = reports["classify"]
    rows = report.groups.rows
    assert [row.group for row in rows] == ["thing group 0", "thing group 1", "thing group 2"]
    right = sum(row.answers * row.values[0] for row in rows)
    assert right / report.results[0].answers == pytest.approx(report.results[0].figures[0].value)


def test_errors_are_told_by_how_far_ahead(reports):
    report, found = reports["forecast"]
    rows = report.results[0].outputs.rows
    assert [(row.column, row.ahead) for row in rows[:4]] == [("a", 1), ("b", 1), ("c", 1), ("a", 3)]
    wanted = evaluate(found.model, found.dataset)
    assert [row.figures["rmse"] for row in rows] == pytest.approx(wanted.rmse.tolist(), rel=1e-4)
    assert set(rows[0].guesses) == {"persistence", "season"}
    assert all(sum(row.residuals) == row.count for row in rows)


def test_threshold_curves_pass_through_the_one_that_is_used(reports):
    report, _ = reports["tags of frames"]
    for row in report.results[0].tags.rows:
        place = row.curve.thresholds.index(row.threshold)
        assert close(row.curve.recall[place], row.recall)
        assert close(row.curve.f1[place], row.f1)
        recalls = [value for value in row.curve.recall if value is not None]
        assert recalls == sorted(recalls, reverse=True)


def test_samples_are_chosen_by_the_rule(reports):
    report, _ = reports["classify"]
    wrong = [sample for sample in report.samples if sample.is_right is False]
    sure = [float(re.findall(r"(\d+) %", dict(sample.verdict)["float32"])[0]) for sample in wrong]
    assert 1 <= len(wrong) <= 3
    assert sure == sorted(sure, reverse=True)
    for sample in report.samples:
        said = dict(sample.verdict)
        assert (said["float32"].rsplit(",", 1)[0] == said["true"]) is sample.is_right


def test_an_events_score_is_drawn_with_the_event(reports):
    report, _ = reports["anomaly"]
    first = report.results[0].events.courses[0].chart
    assert [(s.first, s.last) for s in first.stretches if s.name == "event"] == [(30, 35)]
    assert first.limit == 1.0


def test_a_long_wide_set_makes_a_page_of_bounded_size(tmp_path):
    report, _ = made("forecast", tmp_path, recordings=2, frames=times(1_500, 3_000))
    assert len(page(report)) < 1_000_000
    longest = max(len(c.at) for s in report.samples for chart in s.input for c in chart.courses)
    assert longest <= 512


def test_what_cannot_be_asked_whole_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("edgelstm.report.building.MOST_FRAMES", 300)
    report, found = made("regress frames", tmp_path)
    assert found.dataset.frames < MOST_FRAMES
    assert report.judged.frames <= 300
    assert any("evenly chosen" in note for note in report.notes)


def test_no_int8_says_why(tmp_path):
    found = reported("classify")
    model = replace(found.model, ranges=None)
    save_model(model, tmp_path / "model.npz")
    report = make_report(
        tmp_path / "model.npz", model, Asked(found.dataset, found.dataset, "all"), History(why="not known")
    )
    assert {result.precision for result in report.results} == {"float32"}
    assert [lack.why for lack in report.lacking] == ["the model was not calibrated"] * 2
    assert "the model was not calibrated" in Page(page(report)).text


def test_curves_of_a_training(reports):
    report, _ = reports["classify"]
    epochs = tuple(EpochFacts(n, 1 / n, 2 / n, 0.5, 0.01, n == 2, 1.0) for n in (1, 2, 3))
    shown = Page(page(replace(report, epochs=epochs)))
    assert "Loss" in shown.words
    assert "epoch 2 of 3" in shown.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: v | {"version": 2}, "version 2, expected 1"),
        (lambda v: v | {"kind": "prediction"}, "no model's report"),
        (lambda v: v | {"results": []}, "results"),
        (lambda v: v | {"surprise": 1}, "surprise"),
        (lambda v: v | {"costs": [cost("javascript:alert(1)")]}, "costs[0].page"),
        (lambda v: v | {"costs": [cost("//x.example/")]}, "costs[0].page"),
    ],
)
def test_what_is_no_report_is_refused_by_its_field(reports, tmp_path, change, expected):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(change(reports["classify"][0].to_json())))
    with pytest.raises(ValueError, match=re.escape(expected)) as caught:
        read_report(path)
    assert "\n" not in str(caught.value)


def cost(link):
    return {
        "file": "m.elstm",
        "engine": "e",
        "precision": "int8",
        "board": "b",
        "measured_at": "2026-01-01",
        "p50_us": 1.0,
        "p99_us": 2.0,
        "bytes": 10,
        "stream_bytes": None,
        "page": link,
    }


def test_a_record_is_checked_field_by_field():
    with pytest.raises(ValueError, match="made_at"):
        ModelReport.from_json({"kind": "model-report", "version": 1}, "r.json")


@pytest.mark.parametrize("kind", ["frames", "forecast", "anomaly", "classify"])
def test_charts_count_frames_from_where_the_titles_do(tmp_path, kind):
    """Of pieces that begin far into recordings, as a split by time leaves them: input is that of the title."""
    found = reported(kind, recordings=2, frames=90)
    pieces = found.dataset.pieces([Piece(n, 40, 90) for n in range(2)])
    path = tmp_path / "model.npz"
    save_model(found.model, path)
    report = make_report(path, found.model, Asked(pieces, pieces, "all"), History(why="nobody trained it"))
    whole = found.dataset.sequences
    for sample in report.samples:
        recording, first, last = map(int, re.findall(r"\d+", re.sub(",|group [^,]*", "", sample.title)))
        assert (first, last) == (sample.first + 1, sample.last)
        assert first > 40
        for chart in (*sample.input, *sample.answers):
            for course in chart.courses:
                assert all(sample.first <= at <= sample.last for at in course.at)
        one = sample.input[0].courses[0]
        assert one.values == pytest.approx([whole[recording - 1][int(at), 0] for at in one.at], rel=1e-4)
        assert all(first - 1 <= s.first <= s.last <= last for chart in sample.answers for s in chart.stretches)
    for course in report.results[0].events.courses if report.results[0].events else ():
        assert min(course.chart.courses[0].at) > 40


def test_ticks_far_into_a_recording_differ():
    clock = Clock(0.0, 200)
    assert [clock.label(clock.time(at)) for at in (123_400, 123_450)] == ["123,400", "123,450"]
    assert Clock(50.0, 500).label(5156.2) == "5,156.2 s"


def test_a_label_has_one_colour_on_a_page():
    known = {}
    assert hues_of([3, 1], known) == [0, 1]
    assert hues_of([1, 3, 2], known) == [1, 0, 2]
    assert hues_of([9, 8, 2], known) == [3, 4, 2]
    crowded = hues_of([7, 3, 9, 2, 1], known)  # six labels: the sixth takes what the others leave
    assert crowded == [4, 0, 3, 2, 1]
    clash = hues_of([7, 8], known)
    assert len(set(clash)) == 2
    assert clash[0] == 4


def test_rates_and_answers_are_told_as_elsewhere(reports):
    report, _ = reports["classify"]
    for rate, hop, said in (
        (1 / 86400, 1, ("a frame every 24.0 h", "every frame")),
        (50, 3, ("50 frames", "every 3")),
    ):
        about = replace(report.about, sample_rate=rate, hop=hop)
        told = "".join(map(str, about_section(replace(report, about=about))))
        assert all(words in told for words in said)
        assert "every 1 " not in told
