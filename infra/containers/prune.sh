#!/bin/sh
# Removes from a folder of packages what neither the function nor the local stack loads: prune.sh SITE
# What is missed afterwards shows in the smoke test that ends the image's build.
set -eu
cd "$1"

keep() {
	folder=$1
	shift
	[ ! -d "$folder" ] || for path in "$folder"/*/; do
		case " $* " in *" $(basename "$path") "*) ;; *) rm -rf "$path" ;; esac
	done
}

rm -rf pip pip-* numpy/distutils numpy/f2py
rm -rf onnxruntime/datasets onnxruntime/quantization onnxruntime/tools onnxruntime/transformers
# 23 MB for programs in C; Python's module has all of it inside.
rm -f onnxruntime/capi/libonnxruntime.so.*
# TensorFlow 2.15 imports distutils, which is one of setuptools' parts by now. ONNX Runtime only names protobuf and
# flatbuffers for programs that it doesn't run here.
[ -d tensorflow ] || rm -rf setuptools setuptools-* pkg_resources _distutils_hack distutils-precedence.pth \
	google/protobuf google/_upb flatbuffers
# A page for APIs that Powertools routes by itself.
rm -rf aws_lambda_powertools/event_handler/openapi/swagger_ui
# Services whose clients are made, or whose requests the emulator checks by their models.
keep botocore/data apigateway apigatewayv2 cloudformation iam lambda logs s3 sns sqs sts transcribe
# Of scipy, one compiled module is loaded, and it needs nothing else; see separation/fft.py.
keep scipy fft
keep scipy/fft _pocketfft
rm -rf scipy.libs
# faster-whisper imports PyAV, 103 MB, to read files, but gets samples. It never downloads a model, either.
[ ! -d av ] || { rm -rf av av.libs hf_xet && mkdir av && : >av/__init__.py; }
find . -depth -type d -name tests -exec rm -rf {} +
# Type stubs and sources of compiled modules.
find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.[ch]' -o -name '*.lib' -o -name '*.a' \) -delete
