#!/bin/sh
# The engine on a GPU: LLaVA-1.5-13b shapes with random weights in bfloat16, then the embedded model.
#   benchmarks/gpu_suite.sh          needs a CUDA device of 80 GB, torch, transformers, peft, accelerate, Pillow, psutil;
#                                    for quantised weights bitsandbytes and torchao
#   benchmarks/gpu_suite.sh --dry    the same steps on the CPU with a tiny model, to see that they run
# Nothing is fetched and nothing needs to be installed: fakescan is run from this checkout. Each part ends with a line
# of JSON on standard output. Goals on one H100: triage 30 images/s, full text 6 images/s at batch 48.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
PYTHONPATH="$PWD:$PWD/trainer${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 PYTHONUNBUFFERED=1
if [ "${1:-}" = "--dry" ]; then
    "$PYTHON" benchmarks/engine_sizes.py --model tiny --device cpu --dtype float32 --sizes 1,3
    exit
fi
# Batch 1 is slow and needs no second round; a size that is not begun in time is left out rather than the rest lost.
"$PYTHON" benchmarks/engine_sizes.py --model llava-13b --device cuda --dtype bfloat16 --sizes 1,16,48 --most-seconds 300
# Quantised weights, where their library is installed.
for pair in int8:bitsandbytes int4:bitsandbytes fp8:torchao; do
    if "$PYTHON" -c "import ${pair#*:}" 2>/dev/null; then
        "$PYTHON" benchmarks/engine_sizes.py --model llava-13b --device cuda --dtype "${pair%:*}" --sizes 1,48 --most-seconds 60
    else
        echo "${pair%:*}: left out, ${pair#*:} cannot be imported" >&2
    fi
done
"$PYTHON" benchmarks/engine_sizes.py --model nano --device cuda --dtype bfloat16 --sizes 1,16,48 --most-seconds 120
