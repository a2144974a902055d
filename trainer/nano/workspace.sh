#!/usr/bin/env bash
# Make everything that training the embedded model needs, in one folder outside the checkout; running it again adds
# only what is missing. Minutes, but for the last step, the features of the frozen tower: 0.3 s a picture on two cores.
#   trainer/nano/workspace.sh PACK MIRROR WORK [--features [--limit N]]
# PACK    folder of the labelled images (manifest.jsonl, annotations.jsonl, images/, extended/)
# N       features of at most so many images of each list, for a short trial
# MIRROR  folder of the repositories' git directories; `PACK/extended/assemble.py --mirror MIRROR --list` names what lacks
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pack=${1:?folder of the labelled images}
mirror=${2:?folder of the git directories}
work=${3:?folder to make everything in}
mkdir -p "$work/debs"

"$here/fetch_base.sh" "$work/wheels"
[[ -f $work/base-whole/fakescan_base.json ]] || python "$here/convert_base.py" "$work/wheels" "$work/base-whole"

packages=(crawl-tiles-data endless-sky-data gnome-control-center-data stellarium-data wesnoth-1.16-data)
for package in "${packages[@]}"; do
  compgen -G "$work/debs/${package}_*.deb" >/dev/null || (cd "$work/debs" && apt-get download --quiet "$package") ||
    echo "not downloaded: $package; its pictures will be missing" >&2
done
python "$pack/extended/assemble.py" --mirror "$mirror" --packages "$work/debs" --out "$work/ext"
python "$here/prepare_data.py" --pack "$pack" --extended "$work/ext" --extended-lists "$pack/extended" \
  --out "$work/mmfr"
[[ -f $work/base/fakescan_base.json ]] || python "$here/trim_vocabulary.py" "$work/base-whole" "$work/mmfr" "$work/base"

if [[ ${4:-} == --features ]]; then
  python -m fakescan_trainer.data.features "$work/base" "$work/cache-square" "$work/mmfr" \
    forgery_reasoning_cot.json:1 validation.json:0 captions.json:1 --view square --pooling 7 "${@:5}"
fi
