#!/usr/bin/env bash
# The embedded model in one command: from the labelled images and the two base packages to the files that ship. Run
# again after a stop, it goes on where it was. On two cores: minutes for the data, about 60 minutes for the features of
# the frozen tower, 60 to 90 for training, 15 for the calibration of the score after text.
#   trainer/nano/make.sh PACK MIRROR WORK OUT [section.key=value ...]
# PACK, MIRROR, WORK  as of workspace.sh
# OUT                 folder that gets the model, e.g. fakescan/model/nano (card.py then writes its error rates)
# section.key=value   goes to `fakescan train`, e.g. run.seed=1 stages.3.steps=20
# A short trial: LIMIT=400 (images of each list whose features are made) and TEXTS=4 (held-out images that get text);
# so few of them, or a model that has learnt next to nothing, may leave the score after text uncalibrated, which is told.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pack=${1:?folder of the labelled images}
mirror=${2:?folder of the git directories}
work=${3:?folder to make everything in}
out=${4:?folder of the model}
settings=("${@:5}")

"$here/workspace.sh" "$pack" "$mirror" "$work" --features ${LIMIT:+--limit "$LIMIT"}

run="$work/runs/nano"
resume=()
[[ ! -d $run/last ]] || resume=(--resume)
python -m fakescan train nano "model.base=$work/base" "data.root=$work/mmfr" "data.features=[\"$work/cache-square\"]" \
  "run.out=$run" "${settings[@]}" "${resume[@]}"
python "$here/ship.py" "$run/checkpoint" "$work/base" "$work/mmfr" "$out" --features "$work/cache-square"

python "$here/held_out.py" "$work/mmfr" "${TEXTS:-140}" >"$work/held_out.txt"
python -m fakescan scan --files-from "$work/held_out.txt" --model "$out" --policy model --score after --fail-on never \
  --run-dir "$work/scans/after" --resume -o "$work/after.json"
python "$here/calibrate_scores.py" "$out" "$work/mmfr" "$work/after.json" --score after
python -m fakescan model verify "$out"
