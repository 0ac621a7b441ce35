"""From WAV files to a model that takes samples: what training heard is what files and streams hear."""

import json
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data.hops import in_hops
from edgelstm.data.options import DEFAULTS
from edgelstm.evaluation import evaluate
from edgelstm.export import export_model
from edgelstm.forward import scores
from edgelstm.hearing import behind, ear_of, features_of, in_front
from edgelstm.model import Model
from edgelstm.quantization import calibrate, quantize
from edgelstm.resampling import Decimator
from edgelstm.runtime.engines.open import open_model
from edgelstm.tasks import CLASSIFY, Frames, read_dataset
from edgelstm.training import RecipeError, train
from edgelstm.training.config import Config, parse_config
from edgelstm.training.remarks import remarks
from in_process import run
from sound_models import hearing_model, write_wav

RATE = 8000
RECIPE = """
[sound]
bands = 12
[model]
units = [10]
[training]
epochs = 25
learning_rate = 0.02
loss = "last"
[data]
validation = 0.2
"""


def whistle(rng: np.random.Generator, high: bool, rate: int = RATE, seconds: float = 0.4) -> np.ndarray:
    """A tone of about 400 Hz or of about 1,500 Hz, of any loudness, with noise 20 dB below it."""
    pitch = rng.uniform(1300, 1700) if high else rng.uniform(350, 450)
    tone = np.sin(2 * np.pi * pitch / rate * np.arange(int(seconds * rate)) + rng.uniform(0, 6))
    return 10 ** rng.uniform(2.3, 4) * (tone + 0.1 * rng.normal(size=len(tone)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, made = np.random.default_rng(0), tmp_path_factory.mktemp("whistles")
    for n in range(20):
        for name in ("low", "high"):
            write_wav(made / name / f"{n}.wav", whistle(rng, name == "high"))
    return made


@pytest.fixture(scope="module")
def recipe() -> Config:
    return parse_config(RECIPE)


@pytest.fixture(scope="module")
def trained(folder: Path, recipe: Config) -> Model:
    found = train(recipe.sound.framed(read_dataset(folder, DEFAULTS, CLASSIFY)), recipe)
    return calibrate(found.model, found.calibration)


def test_a_model_of_samples_comes_of_wav_files(trained: Model, folder: Path) -> None:
    ear = ear_of(trained)
    assert ear is not None
    assert (trained.features, trained.sample_rate, ear.bands, ear.rate, ear.window, ear.size) == (
        80,
        100,
        12,
        8000,
        200,
        256,
    )
    dataset = read_dataset(folder, DEFAULTS, CLASSIFY)  # whose frames are samples still
    for model in (trained, quantize(trained)):
        assert evaluate(model, dataset).headline.value == 1.0
    assert trained.examples[0].shape[1] == trained.unseen[0].shape[1] == 80


def test_its_normalization_is_that_of_its_features(trained: Model, folder: Path, recipe: Config) -> None:
    ear = ear_of(trained)
    framed = recipe.sound.framed(read_dataset(folder, DEFAULTS, CLASSIFY))
    values = np.concatenate(features_of(ear, framed.sequences))
    np.testing.assert_allclose(ear.mean, values.mean(axis=0), atol=0.3)
    np.testing.assert_allclose(ear.std, values.std(axis=0), rtol=0.2)


def test_the_model_behind_its_ear_answers_alike(trained: Model) -> None:
    inner, ear = behind(trained), ear_of(trained)
    heard = features_of(ear, trained.examples)
    for one, other in zip(scores(inner, heard), scores(trained, trained.examples)):
        np.testing.assert_allclose(one, other, atol=1e-4)
    whole = in_front(ear, inner)
    for one, other in zip(scores(whole, trained.examples), scores(trained, trained.examples)):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert whole.ranges.spans.keys() == trained.ranges.spans.keys()


def test_a_stream_of_a_wav_file_hears_what_training_heard(trained: Model, folder: Path, tmp_path: Path) -> None:
    made = export_model(trained, tmp_path / "whistles.elstm")
    assert made.proof is not None
    assert made.proof.same_rounding.passed
    path = folder / "high" / "3.wav"
    found = run("stream", made.path, "--wav", path).out.splitlines()
    answers = [json.loads(line) for line in found]
    assert len(answers) == 40
    assert answers[-1]["label"] == "high"
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    stream = open_model(made.path).stream()
    pushed = stream.push(samples.reshape(-1, 80).astype(np.float32))
    np.testing.assert_allclose([answer["probability"] for answer in answers], pushed.max(axis=1), atol=1e-6)


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_forms_without_an_ear_take_features(trained: Model, suffix: str, tmp_path: Path) -> None:
    precision = "float32-explicit" if suffix == "tflite" else None
    made = export_model(trained, tmp_path / f"whistles.{suffix}", precision=precision)
    assert made.proof is not None
    assert made.proof.same_rounding.passed
    opened = open_model(made.path)
    assert opened.features == 12
    assert opened.feature_names[0] == "mel1"
    assert opened.metadata["provenance"]["heard"]["window"] == 200
    answers = opened.stream().push(features_of(ear_of(trained), trained.examples[:1])[0])
    held = export_model(trained, tmp_path / "whistles.elstm", precision="float32", verify=False)
    np.testing.assert_allclose(answers, open_model(held.path).stream().push(trained.examples[0]), atol=1e-4)


def test_files_at_a_multiple_of_the_rate_are_filtered_as_streams_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    samples = rng.normal(0, 3000, 16000)
    for name in ("a", "b"):
        write_wav(tmp_path / name / "0.wav", samples, 16000)
    dataset = read_dataset(tmp_path, DEFAULTS, CLASSIFY)
    framed = in_hops(dataset, 80, 8000)
    wanted = Decimator(2, 1)(np.rint(samples).astype(np.float32)[:, None])[:8000].reshape(-1, 80)
    assert np.array_equal(framed.sequences[0], wanted)
    assert framed.sample_rate == 100
    with pytest.raises(ValueError, match="16000 samples per second, expected 24000 to 288000"):
        in_hops(dataset, 240, 24000)
    with pytest.raises(ValueError, match="recording 0 has 16,000 samples, expected at least a hop of 16001"):
        in_hops(dataset, 16001, 16000)


def test_labels_of_samples_become_those_of_a_hops_middle(tmp_path: Path) -> None:
    write_wav(tmp_path / "one.wav", np.arange(8000) % 100)
    (tmp_path / "one.txt").write_text("0.0\t0.4549\tquiet\n0.4549\t1.0\tloud\n")
    dataset = read_dataset(tmp_path, DEFAULTS, Frames())
    framed = in_hops(dataset, 80, 0)
    found = framed.targets.at(0, np.arange(100))
    assert len(found) == 100
    assert [dataset.labels[label] for label in (found[44], found[45])] == ["quiet", "loud"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("window = 0.15", r"sound.window: 0.15 s are 1200 samples at 8000 a second, expected at most 1024"),
        ("high = 5000", r"sound.high: 5000, expected a whole number from 1 to 4000"),
        ("bands = 100", r"sound.size: 256, of whose frequencies none lies in band"),
        ("hop = 0.03", r"sound.hop: 240, expected a whole number from 1 to 200"),
    ],
)
def test_what_cannot_be_heard_is_said_of_the_recipe(lines: str, said: str, folder: Path) -> None:
    text = RECIPE.replace("bands = 12", lines if "bands" in lines else f"bands = 12\n{lines}")
    config = parse_config(text)
    dataset = config.sound.framed(read_dataset(folder, DEFAULTS, CLASSIFY))
    with pytest.raises(RecipeError, match=f"^{said}"):
        train(dataset, config)


def test_other_recordings_than_sound_are_refused(folder: Path, recipe: Config) -> None:
    """Whole samples are sound whatever they are called, other numbers at their rate are not."""
    dataset = replace(read_dataset(folder, DEFAULTS, CLASSIFY), feature_names=("x",))
    framed = recipe.sound.framed(dataset)
    np.testing.assert_array_equal(framed.sequences[0].ravel(), dataset.sequences[0][: framed.sequences[0].size, 0])
    volts = replace(dataset, sequences=tuple(x / 3 for x in dataset.sequences))
    for other in (volts, replace(dataset, sample_rate=500.0)):
        with pytest.raises(ValueError, match=r"^sound.bands: 12, expected 0 for recordings that are no sound"):
            recipe.sound.framed(other)


def test_whole_samples_keep_their_range_in_calibration() -> None:
    model = hearing_model(256)
    assert model.ranges["x"] == (-32768, 32767)
    low, high = model.ranges["logmel0"]
    assert -10 < low < high < 30


def test_frames_of_samples_are_not_taken_for_channels(folder: Path, recipe: Config) -> None:
    framed = recipe.sound.framed(read_dataset(folder, DEFAULTS, CLASSIFY))
    assert framed.features > framed.lengths.max()
    assert not any("transpose" in line for line in remarks(recipe, framed, framed))
