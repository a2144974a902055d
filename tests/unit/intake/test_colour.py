from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fakescan.intake.colour import BAD_PROFILE, CONVERTED, to_srgb
from fakescan.intake.decode import DecodedImage, decode
from tests.support.fuzz import FUZZED

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def wide() -> bytes:
    """An RGB profile whose red is not that of sRGB: the two first primaries of sRGB exchanged."""
    profile = bytearray(SRGB)

    def place(tag: bytes) -> int:
        at = 128
        count = int.from_bytes(profile[at : at + 4], "big")
        entries = {bytes(profile[at + 4 + 12 * n : at + 8 + 12 * n]): at + 8 + 12 * n for n in range(count)}
        return int.from_bytes(profile[entries[tag] : entries[tag] + 4], "big")

    red, green = place(b"rXYZ"), place(b"gXYZ")
    profile[red : red + 20], profile[green : green + 20] = profile[green : green + 20], profile[red : red + 20]
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))


def picture() -> Image.Image:
    return Image.merge("RGB", [Image.linear_gradient("L").resize((64, 64)).rotate(90 * turn) for turn in range(3)])


def file(image: Image.Image, kind: str, profile: bytes | None) -> bytes:
    out = BytesIO()
    options = {} if profile is None else {"icc_profile": profile}
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> DecodedImage:
    result = decode(data)
    assert isinstance(result, DecodedImage)
    return result


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("profile", [None, SRGB], ids=["none", "sRGB"])
def test_pictures_in_srgb_keep_every_pixel(kind: str, profile: bytes | None) -> None:
    data = file(picture(), kind, profile)
    plain = Image.open(BytesIO(data)).convert("RGB")
    assert decoded(data).image.tobytes() == plain.tobytes()
    assert not decoded(data).notes


def test_other_profiles_are_applied_and_said() -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    found = decoded(file(red, "PNG", wide()))
    assert found.notes == (CONVERTED,)
    assert found.image.getpixel((5, 5)) == (0, 255, 0)
    # Transparent parts are laid on white before, which stays white.
    clear = decoded(file(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "PNG", wide()))
    assert clear.image.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("profile", [b"nothing of the kind", SRGB[:200], SRGB[:60] + b"\xff" * 90 + SRGB[150:]])
def test_a_damaged_profile_does_not_cost_the_picture(profile: bytes) -> None:
    image, note = to_srgb(picture(), profile)
    assert image.tobytes() == picture().tobytes()
    assert note == BAD_PROFILE


def test_a_profile_about_other_colours_is_ignored() -> None:
    cmyk = picture().convert("CMYK")
    assert to_srgb(cmyk, SRGB) == (cmyk, BAD_PROFILE)
    assert to_srgb(picture(), b"\0" * (9 * 2**20))[1] == BAD_PROFILE
    palette = picture().convert("P")
    assert to_srgb(palette, SRGB) == (palette, "")


@FUZZED
@given(st.binary(max_size=64), st.integers(0, len(SRGB) - 1))
def test_random_damage_to_a_profile_never_raises(patch: bytes, at: int) -> None:
    image, note = to_srgb(picture(), SRGB[:at] + patch + SRGB[at + len(patch) :])
    assert image.size == (64, 64)
    assert note in ("", BAD_PROFILE, CONVERTED)
