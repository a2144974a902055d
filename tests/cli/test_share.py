"""``--share``: what was taken out of a report is in no format of it, in no way in which a text can be written."""

from __future__ import annotations

import base64
import html
import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape
from zipfile import ZipFile

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from fakescan.core import environment
from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import png, png_that_is

USER, HOST, ORDER = "annaexample", "annas-laptop", "geheimer ordner"
OWNER, WRITER, SERIAL = "J\u00fcrgen & S\u00f6hne", "Wilma Writerwoman", "SN-0042-7781"
NAMES = ("q\u00fcelle eins", "quelle-zwei", "quelle-drei", "kaputt-vier", "notiz-f\u00fcnf")
SECRETS = (USER, HOST, ORDER, OWNER, WRITER, SERIAL, "48.137154", "11.576124", *NAMES)
FORMATS = ("html", "json", "jsonl", "csv", "md", "sarif", "xml", "jsonld", "pdf")
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 photoshop:Credit="{escape(OWNER)}" photoshop:Source="{escape(OWNER)}" photoshop:City="48.137154"
 aux:SerialNumber="{SERIAL}" exif:GPSLatitude="48,8.229N" ext:AIPromptWriterName="{WRITER}"
 xmp:CreatorTool="Tool at C:\\Users\\{USER}\\{ORDER}\\tool.exe">
<dc:creator><rdf:Seq><rdf:li>{escape(OWNER)}</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) {escape(OWNER)}</rdf:li></rdf:Alt></dc:rights>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def photo() -> bytes:
    """A JPEG whose EXIF, XMP and IPTC say who, where and with which device."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "Canon EOS R5"
    exif[ExifTags.Base.Artist] = exif[ExifTags.Base.Copyright] = OWNER.encode().decode("latin-1")
    exif[ExifTags.Base.Software] = f"/home/{USER}/bin/tool"
    exif[ExifTags.Base.HostComputer] = HOST
    about = exif.get_ifd(ExifTags.IFD.Exif)
    about[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    about[ExifTags.Base.BodySerialNumber] = SERIAL
    about[ExifTags.Base.UserComment] = b"UNICODE\0" + f"{OWNER} {SERIAL} 48.137154".encode("utf-16-le")
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLongitudeRef] = "N", "E"
    place[ExifTags.GPS.GPSLatitude] = (48.0, 8.0, 13.7544)
    place[ExifTags.GPS.GPSLongitude] = (11.0, 34.0, 34.0464)
    out = BytesIO()
    Image.open(BytesIO(png(5))).save(out, "JPEG", exif=exif, xmp=XMP.encode(), comment=f"{OWNER}, {ORDER}".encode())
    sets = b"".join(
        b"\x1c\x02" + bytes([number]) + len(text).to_bytes(2, "big") + text
        for number, text in ((80, OWNER.encode()), (90, b"48.137154"), (110, OWNER.encode()), (115, OWNER.encode()))
    )
    block = b"8BIM\x04\x04\0\0" + len(sets).to_bytes(4, "big") + sets + b"\0" * (len(sets) % 2)
    iptc = b"Photoshop 3.0\0" + block
    return out.getvalue()[:2] + b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc + out.getvalue()[2:]


def generated() -> bytes:
    """A PNG with the settings of generators, which name the machine's folders and the picture's author."""
    about = PngInfo()
    # Escaped once more, as a graph in JSON holds a path.
    graph = {"1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "cfg": 7.0, "sampler_name": "euler"}},
             "2": {"class_type": "CLIPTextEncode", "inputs": {"text": f"portrait of {OWNER}"}},
             "3": {"class_type": "CheckpointLoaderSimple",
                   "inputs": {"ckpt_name": f"C:\\Users\\{USER}\\{ORDER}\\sd_xl.safetensors"}}}  # fmt: skip
    about.add_text("prompt", json.dumps(graph))
    settings = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
    about.add_text("parameters", f"a cat, {NAMES[1]}.png by {WRITER}\n{settings}")
    about.add_text("Author", OWNER)
    about.add_itxt("XML:com.adobe.xmp", XMP)
    out = BytesIO()
    Image.open(BytesIO(png(6))).save(out, "PNG", pnginfo=about)
    return out.getvalue()


def writings(secret: str) -> Iterator[bytes]:
    """Every usual way to write a text."""
    texts = {secret, html.escape(secret), escape(secret), quote(secret), quote_plus(secret)}
    texts |= {json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3], json.dumps(html.escape(secret))[1:-1]}
    for text in texts:
        yield from (text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("latin-1", "ignore"))
    for raw in (secret.encode(), secret.encode("utf-16-le")):
        for shift in range(3):
            # What the neighbours decide about is cut off at both ends.
            coded = base64.b64encode(b"\0" * shift + raw)
            yield coded[4 if shift else 0 : -4]
            yield base64.urlsafe_b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]


def leaks(data: bytes) -> list[str]:
    """The secrets that some bytes hold."""
    small = data.lower()
    return [secret for secret in SECRETS if any(form.lower() in small for form in writings(secret) if len(form) > 5)]


@pytest.fixture
def home(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures that tell a lot, a broken one, and a file that is skipped."""
    place = tmp_path / "home" / USER / ORDER
    place.mkdir(parents=True)
    (place / f"{NAMES[0]}.jpg").write_bytes(photo())
    (place / f"{NAMES[1]}.png").write_bytes(generated())
    (place / f"{NAMES[2]}.png").write_bytes(png_that_is(Label.FAKE))
    (place / f"{NAMES[3]}.png").write_bytes(png_that_is(Label.REAL)[:300])
    (place / f"{NAMES[4]}.txt").write_text("no picture")
    (place / "gate.toml").write_text(
        f'[[rule]]\npaths = ["{ORDER}/", "*"]\nfail_on = ["fake", "missing-content-credentials"]\n'
    )
    versions = {**environment.environment(), "platform": f"Linux-{HOST}"}
    monkeypatch.setattr(environment, "_looked_up", lambda: versions)
    # What is printed into a PDF is this page.
    monkeypatch.setattr("fakescan.reports.pdf.find_browser", lambda: "a browser")
    monkeypatch.setattr("fakescan.reports.pdf._print", lambda browser, page, made, *_: shutil.copyfile(page, made))
    return place


def written(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and everything in the zips there, by name."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in [name for name in found if name.endswith(".zip")]:
        with ZipFile(folder / name) as archive:
            found |= {f"{name}:{member}": archive.read(member) for member in archive.namelist()}
    return found


def test_the_secrets_are_there_before(cli: Cli, home: Path, tmp_path: Path) -> None:
    assert cli("scan", home, "-o", "r.json", "--run-dir", home / "run").code in (1, 3)
    open_report = (tmp_path / "r.json").read_bytes()
    assert set(SECRETS) - set(leaks(open_report)) == {SERIAL}, "no reader tells a serial number"


def test_nothing_that_was_taken_out_is_in_any_format(cli: Cli, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    outputs = [word for name in FORMATS for word in ("-o", f"out/r.{name}")] + ["-o", "gitlab:out/quality.json"]
    done = cli(
        "scan", home, "--share", *outputs, "--run-dir", home / "run", "--gate", home / "gate.toml",
        "--relative-to", home.parent,
    )  # fmt: skip
    assert done.code in (1, 3), done.err
    (out / "github.txt").write_text(cli("report", home / "run", "--share", "-o", "github:-", "-q").out)
    (out / "stdout.json").write_text(cli("report", home / "run", "--share", "--json", "-q").out)
    assert cli("report", "out/r.json", "-o", "out/again.html", "--pictures", home, "--share").code == 0
    assert cli("bundle", "out/r.json", "-o", "out/case.zip").code == 0
    files = written(out)
    assert len(files) >= len(FORMATS) + 9
    assert {name: found for name, data in files.items() if (found := leaks(data))} == {}
    # And it is still a report: four files with verdicts or errors, and the marks of the generators.
    document = json.loads(files["r.json"])
    assert document["summary"]["images"] == 4
    assert b"KSampler" in files["r.json"] or b"sampler_name" in files["r.json"]
