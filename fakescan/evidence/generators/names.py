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
_NAMES = (
    # OpenAI, Google, Microsoft, Amazon, Meta, Apple, xAI
    r"dall[-\u00b7\u2022 ]?e",
    r"(openai )?(chatgpt|gpt-4o|gpt[ -]image([ -]\d[\d.]*)?([ -]mini)?)|openai( sora)?",
    r"google (ai|imagen|gemini|nano banana)( studio| pro)?|nano banana( pro)?",
    r"gemini image|gemini[ -]\d[\d.]*([ -](flash|pro))?([ -]lite)?[ -]image([ -]preview)?",
    r"imagen-\d[\w.-]{0,40}|imagefx|google (imagefx|whisk|pixel studio)",
    r"bing image creator|image creator from (microsoft )?designer|microsoft (bing )?image creator|mai-image",
    r"amazon (titan image generator|nova canvas)|titan image generator|nova canvas",
    r"meta ai|imagine with meta( ai)?|(apple )?image playground|xai( grok| aurora| imagine)?|grok imagine",
    # Adobe and other sellers of pictures
    r"(adobe )?firefly image( model)?|adobe firefly|canva (magic media|dream lab)",
    r"(getty images|istock) generative ai|generative ai by getty images|shutterstock ai( image)?( generator)?",
    r"freepik ai( image)?( generator)?|pixlr ai( image)?( generator)?|picsart ai image generator",
    # Models that anybody can run, and the programs around them
    r"midjourney( bot)?|niji[ .-]?journey|stability( |\.)?ai|dreamstudio|deepfloyd( if)?|kandinsky",
    r"stable[ -]?diffusion(\.cpp|[ -]?xl|[ -]?web[ -]?ui([ -](forge|reforge|amdgpu))?)?( (large|medium|base|refiner)"
    r"| turbo){0,2}",
    r"automatic1111|a1111|vladmandic|sd\.next|(stable diffusion )?web ?ui ?(re)?forge|(stable)?swarmui|comfyui",
    r"novelai|invokeai|invoke-ai/invokeai|(ruined|simple|de)?fooocus|draw things|diffusionbee|mochi diffusion",
    r"imaginairy|easy diffusion|krita[ -]ai[ -]diffusion|(hugging ?face )?diffusers|stable horde|ai horde|nmkd stable "
    r"diffusion gui",
    r"black forest labs( flux)?|(bfl )?flux[ .-]?\d?(\.\d)?([ -](dev|pro|schnell|ultra|kontext|klein|max|flex|krea|fill"
    r"|raw|turbo)){1,3}|black forest labs flux[ .-]?[\w. -]{0,30}",
    # Services
    r"nightcafe( studio| creator)?|leonardo\.?[ ]?ai|ideogram( ai)?|playground ai|tensor\.art|seaart(\.ai)?|pixai",
    r"civitai|recraft( ai)?|craiyon|krea( ai)?|reve( ai| image)?|higgsfield( ai)?|runway gen-?\d|luma (ai )?photon",
    r"artbreeder|dream by wombo|wombo dream|starryai|dreamina|generated photos|this person does not exist|ai generated",
    # Services in China
    r"jimeng( ai)?|seedream|doubao|\u5373\u68a6(ai)?|\u8c46\u5305(ai)?|\u901a\u4e49\u4e07\u76f8"
    r"|\u6587\u5fc3\u4e00\u683c|kling( ai)?|\u53ef\u7075(ai)?|tongyi wanxiang|ernie[ -]vilg|cogview",
    r"qwen-image|hunyuan[ -]?image|z-image|hidream|liblib(ai| ai)?",
)
_GENERATORS = re.compile(
    rf"({'|'.join(_NAMES)})"
    r"(([ ;:/_-]|, )?\(?v?\d[\w.+-]{0,40}\)?|[;/ ](stable diffusion|txt2img|img2img|flux)[\w .;-]{0,40}"
    r"|[ -](large|medium|turbo|pro|ultra|fast|lite)){0,3}",
    re.IGNORECASE,
)
_AI_EDITORS = re.compile(
    r"(topaz (photo|gigapixel|denoise|sharpen|video)[ ]?(ai)?|gigapixel( ai)?|luminar( ai| neo)|remini|"
    r"faceapp|facetune|"
    r"lensa|picsart|photoroom|meitu|evoto|magnific( ai)?|upscayl)([ /]?v?\d[\w.+-]{0,40})?",
    re.IGNORECASE,
)
_MAX_CHARS = 120
_PLAIN = str.maketrans({"_": " ", "[": "", "]": "", "\u2122": "", "\u00ae": "", "\0": ""})
"""Writers put underlines for spaces, brackets around the name of a variant, and signs of trade marks."""


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
    plain = " ".join(name.translate(_PLAIN).split()) if len(name) <= _MAX_CHARS else ""
    return _GENERATORS.fullmatch(plain) is not None
