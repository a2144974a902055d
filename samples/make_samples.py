"""Rebuild this folder's pictures from the two PyPI wheels that hold them (CREDITS.md says what comes from where).

    pip download --no-deps --only-binary :all: scikit-image==0.26.0
    pip download --no-deps comfyui-workflow-templates-media-image==0.3.160
    python samples/make_samples.py FOLDER_WITH_THE_WHEELS OUT

Needs Pillow. Files taken over unchanged are the wheels' very bytes; the two that are encoded anew may differ from the
committed ones by a few bytes where another version of Pillow writes them.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

PHOTO_FOLDER, GENERATED_FOLDER, OTHER_FOLDER = "photos", "generated", "other"

PHOTOS_UNCHANGED = (
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "retina.jpg",
    "rocket.jpg",
)
OTHER_UNCHANGED = ("horse.png", "microaneurysms.png")
PHOTOS_AS_JPEG = {"astronaut.png": "astronaut.jpg", "coffee.png": "Schöne Tasse Kaffee 🙂.jpg"}
GENERATED = (
    "flux1_krea_dev-1.webp",
    "image_flux2_text_to_image_9b-1.webp",
    "image_kandinsky5_t2i-1.webp",
    "image_omnigen2_t2i-1.webp",
    "image_ovis_text_to_image-1.webp",
    "image_qwen_image-1.webp",
    "image_z_image_turbo-1.webp",
    "sdxlturbo_example-1.webp",
)
JPEG_QUALITY = 90
BROKEN_SOURCE, BROKEN_NAME, BROKEN_BYTES = "rocket.jpg", "interrupted_download.jpg", 40_000
MARKED_SOURCE, MARKED_NAME = "image_omnigen2_t2i-1.webp", "with_generation_parameters.png"
PARAMETERS = (
    "a cat with a crown on a red velvet armchair (example text, added by the fakescan project to a copy)\n"
    "Negative prompt: blurry\n"
    "Steps: 20, Sampler: Euler, CFG scale: 5, Seed: 1, Size: 350x350, Model: omnigen2"
)


def member(wheels: Path, stem: str, name: str) -> bytes:
    """Read one file of the only wheel in a folder whose name starts with ``stem``."""
    (wheel,) = wheels.glob(f"{stem}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def photo(wheels: Path, name: str) -> bytes:
    """Read a picture of scikit-image."""
    return member(wheels, "scikit_image", f"skimage/data/{name}")


def generated(wheels: Path, name: str) -> bytes:
    """Read a picture of the ComfyUI template pack."""
    stem = "comfyui_workflow_templates_media_image"
    return member(wheels, stem, f"{stem}/templates/{name}")


def as_jpeg(data: bytes) -> bytes:
    """Encode a picture as JPEG without its metadata."""
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()


def with_parameters(data: bytes) -> bytes:
    """Copy a picture to PNG and add a text chunk as Stable Diffusion web interfaces write it."""
    info = PngInfo()
    info.add_text("parameters", PARAMETERS)
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(out, "PNG", pnginfo=info, optimize=True, icc_profile=None)
    return out.getvalue()


def samples(wheels: Path) -> dict[str, bytes]:
    """Every picture of the folder: relative path to bytes."""
    files = {f"{PHOTO_FOLDER}/{name}": photo(wheels, name) for name in PHOTOS_UNCHANGED}
    files |= {f"{PHOTO_FOLDER}/{new}": as_jpeg(photo(wheels, old)) for old, new in PHOTOS_AS_JPEG.items()}
    files |= {f"{GENERATED_FOLDER}/{name}": generated(wheels, name) for name in GENERATED}
    files[f"{GENERATED_FOLDER}/{MARKED_NAME}"] = with_parameters(generated(wheels, MARKED_SOURCE))
    files |= {f"{OTHER_FOLDER}/{name}": photo(wheels, name) for name in OTHER_UNCHANGED}
    files[f"{OTHER_FOLDER}/{BROKEN_NAME}"] = photo(wheels, BROKEN_SOURCE)[:BROKEN_BYTES]
    return files


def main() -> None:
    """Write the pictures."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: python make_samples.py FOLDER_WITH_THE_WHEELS OUT")
    wheels, out = Path(sys.argv[1]), Path(sys.argv[2])
    for path, data in samples(wheels).items():
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


if __name__ == "__main__":
    main()
