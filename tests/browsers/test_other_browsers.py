"""The page in Firefox and in WebKitGTK, which has Safari's engine."""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from benchmarks.songs.wav import write_wav
from local_stack import RATE_HZ, TOKEN, run_stack, stack_settings
from webdriver import BROWSERS, WebDriver

TONE_HZ = 440.0
SONG_S = 40.0
MEASURED_S = 4.0
# The frequency of the loudest bin of 1.3 Hz, by a parabola through its neighbors.
TOLERANCE_CENTS = 5.0
LISTEN = """
window.errors = [];
addEventListener("error", ({ message }) => errors.push(message));
addEventListener("unhandledrejection", ({ reason }) => errors.push(String(reason)));
addEventListener("securitypolicyviolation", (event) => errors.push(event.violatedDirective));
const { connect } = AudioNode.prototype;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode && target.context instanceof AudioContext) {
    const options = { fftSize: 32768, smoothingTimeConstant: 0 };
    window.analyser ??= new AnalyserNode(target.context, options);
    connect.call(this, window.analyser);
  }
  return connect.call(this, target, ...rest);
};
"""
LOUDEST_HZ = """
const bins = new Float32Array(analyser.frequencyBinCount);
analyser.getFloatFrequencyData(bins);
const best = bins.reduce((best, level, index) => (level > bins[best] ? index : best), 1);
const [before, level, after] = bins.slice(best - 1, best + 2);
const offset = (before - after) / (2 * (before - 2 * level + after));
return ((best + offset) * analyser.context.sampleRate) / analyser.fftSize;
"""
CLOCKS = """
return [analyser.context.currentTime, document.querySelector(".position").valueAsNumber];
"""
SET = """
const [name, value] = arguments;
const labels = [...document.querySelectorAll(".practice label")];
const { control } = labels.find(({ textContent }) => textContent.startsWith(name));
control.value = value;
control.dispatchEvent(new Event("input", { bubbles: true }));
"""
SAVE_MIX = """
const buttons = [...document.querySelectorAll("button")];
buttons.find(({ textContent }) => textContent === "Save mix").click();
"""
TEXT = "return document.body.textContent.includes(arguments[0])"


@pytest.fixture(params=BROWSERS)
def browser(request: pytest.FixtureRequest) -> Iterator[WebDriver]:
    with (
        TemporaryDirectory(prefix="stemdrop-") as folder,
        BROWSERS[request.param](Path(folder)) as tab,
    ):
        yield tab


def heard_hz(browser: WebDriver) -> tuple[float, float]:
    """Return the loudest frequency, and how many seconds of the song play in one."""
    time.sleep(MEASURED_S)  # until the analyser has heard nothing else
    began_s, before_s = browser.run(CLOCKS)
    time.sleep(MEASURED_S)
    ended_s, after_s = browser.run(CLOCKS)
    return browser.run(LOUDEST_HZ), (after_s - before_s) / (ended_s - began_s)


def assert_cents(heard: float, expected_hz: float) -> None:
    assert abs(1200 * np.log2(heard / expected_hz)) < TOLERANCE_CENTS


def test_song_is_separated_played_and_mixed(browser: WebDriver, tmp_path: Path) -> None:
    song = tmp_path / "Tone.wav"
    angles = 2 * np.pi * TONE_HZ * np.arange(round(SONG_S * RATE_HZ)) / RATE_HZ
    tone = np.float32(0.3 * np.sin(angles))
    write_wav(song, [np.stack([tone, tone], axis=1)])
    with run_stack(stack_settings(tmp_path)) as (services, _):
        browser.open(f"http://localhost:{services.port}/")
        browser.type("#token", TOKEN)
        browser.click("#token-dialog button")
        browser.wait_for("return document.documentElement.hasAttribute('data-ready')")
        browser.run(LISTEN)
        browser.type("#file-input", str(song))
        browser.click("#separate")
        browser.wait_for("return document.querySelector('.card[data-state=done]') !== null")
        browser.click(".play")
        browser.wait_for("return document.querySelector('.position').valueAsNumber > 0")
        heard, rate = heard_hz(browser)
        assert_cents(heard, TONE_HZ)
        assert rate == pytest.approx(1.0, abs=0.1)
        browser.click(".practice summary")
        browser.run(SET, "Pitch", 2)
        browser.run(SET, "Tempo", 75)
        heard, rate = heard_hz(browser)
        assert_cents(heard, TONE_HZ * 2 ** (2 / 12))
        assert rate == pytest.approx(0.75, abs=0.1)
        browser.run(SAVE_MIX)
        browser.wait_for(TEXT, "Saved Tone (Full mix).wav.")
        assert browser.run("return errors") == []
