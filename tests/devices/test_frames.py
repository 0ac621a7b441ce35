"""Frames for a model where no sensor is."""

import numpy as np
import pytest

from edgelstm.devices.frames import MOST_FRAMES, frames_of, noise
from edgelstm.export.elstm import encode
from edgelstm.model import Normalize
from edgelstm.runtime import Model
from random_models import random_model


@pytest.fixture
def model(tmp_path):
    from dataclasses import replace

    made = replace(random_model(2, (4,), (3,)), normalize=Normalize(np.array([5.0, -3e38]), np.array([0.5, 1e38])))
    path = tmp_path / "model.elstm"
    path.write_bytes(encode(made))
    return Model(path)


def test_noise_has_the_mean_and_spread_of_the_training_data_and_is_the_same_everywhere(model):
    frames = noise(model, 5000)
    assert frames.shape == (5000, 2)
    assert frames.dtype == np.float32
    assert abs(frames[:, 0].mean() - 5.0) < 0.03
    assert abs(frames[:, 0].std() - 0.5) < 0.03
    assert np.isfinite(frames).all()
    np.testing.assert_array_equal(noise(model, 16), frames[:16])


def test_frames_of_a_file_end_after_the_most(model, tmp_path):
    path = tmp_path / "frames.csv"
    path.write_text("1,2\n" * (MOST_FRAMES + 5))
    frames, what = frames_of(model, path)
    assert frames.shape == (MOST_FRAMES, 2)
    assert what == f"{MOST_FRAMES:,} frames of frames.csv"
    assert frames_of(model, None)[1].startswith("synthetic")


@pytest.mark.parametrize("normalize", [3, {}, {"mean": [1.0], "std": [1.0, 2.0]}, {"mean": [1, "x"], "std": [1]}])
def test_a_file_that_does_not_say_what_its_frames_are_is_named(model, normalize):
    model.metadata["normalize"] = normalize
    with pytest.raises(ValueError, match=r"^[^\n]*model\.elstm: metadata\.normalize: [^\n]*$"):
        noise(model)


def test_a_file_without_metadata_is_profiled_and_deployed_as_any_other(tmp_path, monkeypatch):
    from edgelstm.devices import Plan
    from edgelstm.devices.deploy.deployment import self_test
    from edgelstm.devices.profiling.here import profile_here
    from edgelstm.export.elstm import file

    monkeypatch.setattr(file, "metadata_json", lambda *_: "")
    path = tmp_path / "bare.elstm"
    path.write_bytes(encode(random_model(2, (4,), (3,))))
    model = Model(path)
    assert dict(model.metadata) == {}
    report = profile_here(path, Plan(frames=20, pace="flat"))
    assert report.runs[0].input == "synthetic: 256 frames of noise of mean 0 and spread 1, as the file tells no range"
    assert abs(noise(model, 5000).std() - 1) < 0.02
    self_test(path).run(model)
