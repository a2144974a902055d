"""Who makes cameras and phones: a make on this list, beside a model, is a camera claim by itself.

Other makes need a time of capture, a lens or an exposure beside them: some image generators write their name into the
field that is meant for the maker of a camera.
"""

from __future__ import annotations

import re

_MAKERS = frozenset(
    re.findall(
        r"\S+",
        """
        acer agfa agfaphoto aiptek apple arri asus autel benq blackberry blackmagic canon caplio casio concord contax
        creo dji eastman epson essential fairphone flir fuji fujifilm garmin ge general google gopro hasselblad
        hewlett hitachi hmd honor hp htc huawei infinix insta360 itel jvc kodak konica kyocera leaf leica lenovo lg
        lge lumix mamiya medion meizu microsoft microtek minolta minox mobotix motorola nikon nintendo nokia nothing
        olympus om oneplus oppo palm panasonic parrot pentax phase polaroid praktica premier qtek realme reconyx red
        research ricoh rim rollei samsung samsung-techwin sanyo seiko sharp sigma sinar skydio sony sony-ericsson
        sonyericsson supra tcl tecno toshiba traveler vivitar vivo voigtlander vtech wiko xiaomi yakumo yashica yi
        yuneec zeiss zte
        """,
    )
)
_WORD = re.compile(r"[a-z0-9-]+")


def is_known_maker(make: str) -> bool:
    """Whether a make is that of a known maker of cameras or phones.

    Args:
        make: EXIF's ``Make``.
    """
    word = _WORD.match(make.strip().lower())
    return word is not None and word.group() in _MAKERS
