"""sherpa-onnx, which separates with Spleeter's 2stems in ONNX Runtime as well.

It reads one network per instrument. `export.py` writes ours in that form; `separate.py` is the
program that the benchmark runs, in an environment of its own.
"""
