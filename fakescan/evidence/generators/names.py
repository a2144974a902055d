"""Names of image generators where a file names the program or the device that made it.

Only whole names count, in fields whose role it is to name a tool; a word in a caption or an artist's name is none.
Words that are also names of other things (Gemini, Flux, Grok, Imagen) need their maker beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakescan.core.records import Strength, Supports
from fakescan.evidence.generators.mark import UNSIGNED, Mark, Text

_TOOL_FIELDS = frozenset({"software", "creatortool", "originatingprogram", "processingsoftware", "generator", "tool"})
_DEVICE_FIELDS = frozenset({"make"})
_GENERATORS = re.compile(
    r"(adobe[ _]firefly|midjourney|dall[-·• ]?e|stable[ _-]?diffusion(\.cpp|[ -]?xl)?|novelai|invokeai|comfyui|"
    r"(ruined|simple|de)?fooocus|draw things|diffusionbee|mochi diffusion|imaginairy|easy diffusion|swarmui|sd\.next|"
    r"(stable diffusion )?web ?ui ?forge|nightcafe( studio)?|leonardo\.?[ ]?ai|ideogram( ai)?|bing image creator|"
    r"image creator from (microsoft )?designer|google (imagen|gemini|nano banana)|gemini (image|nano banana)|"
    r"chatgpt|openai|gpt-image-\d|gpt-4o|(apple )?image playground|xai grok|grok imagine|black forest labs|"
    r"flux(\.\d|[- ]\d)?[- ](dev|pro|schnell|ultra|kontext|klein|max|flex)|playground ai|tensor\.art|seaart(\.ai)?|"
    r"recraft( ai)?|craiyon|dreamstudio|stability( |\.)?ai|stable horde|ai horde|meta ai|imagine with meta( ai)?|"
    r"jimeng( ai)?|dreamina|seedream|doubao|即梦(ai)?|豆包(ai)?|通义万相|文心一格|kling( ai)?|"
    r"可灵(ai)?|qwen-image|hunyuan[- ]?image|"
    r"krea( ai)?|reve( ai)?|higgsfield( ai)?|runway gen-?\d|ai generated)"
    r"([ ;:/_-]?\(?v?\d[\w.+-]{0,40}\)?|[;/ ](stable diffusion|txt2img|img2img|flux)[\w .;-]{0,40}){0,3}",
    re.IGNORECASE,
)
_AI_EDITORS = re.compile(
    r"(topaz (photo|gigapixel|denoise|sharpen|video)[ ]?(ai)?|gigapixel( ai)?|luminar( ai| neo)|remini|"
    r"faceapp|facetune|"
    r"lensa|picsart|photoroom|meitu|evoto|magnific( ai)?|upscayl)([ /]?v?\d[\w.+-]{0,40})?",
    re.IGNORECASE,
)
_MAX_CHARS = 120


def find(text: Text) -> Iterator[Mark]:
    """The mark in a text.

    Args:
        text: one text of the file.
    """
    field, name = text.keyword.lower().replace(" ", ""), text.text.strip()
    if len(name) > _MAX_CHARS or field not in _TOOL_FIELDS | _DEVICE_FIELDS:
        return
    if names_a_generator(name):
        device = field in _DEVICE_FIELDS
        what = "An image generator is named where a camera would be" if device else "The file names an image generator"
        yield Mark("generator named", f"{what}. {UNSIGNED}", name)
    elif field in _TOOL_FIELDS and _AI_EDITORS.fullmatch(name):
        note = "The file names a program that edits or enlarges photographs, in part with AI; it may have done either."
        yield Mark("editor named", note, name, Strength.WEAK, Supports.EDITED)


def names_a_generator(name: str) -> bool:
    """Whether a name is that of an image generator, with or without a version.

    Args:
        name: what a file calls the program that made it.
    """
    return len(name) <= _MAX_CHARS and _GENERATORS.fullmatch(name.strip().replace("_", " ")) is not None
