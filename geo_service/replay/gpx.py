"""GPX 1.0 and 1.1 tracks, with or without namespace; waypoints and planned routes are not read.

Read with expat, point by point: one damaged number costs its point and not the file. A document type
declaration ends the reading before an entity of it can be defined, let alone expanded.

`<hdop>`: many loggers on phones write metres of accuracy there, a bare receiver a factor of about 1. Both
come out right when it is read as metres and never taken for better than 5, which is what a factor of 1 is
worth. A speed, course or accuracy in `<extensions>` is taken by its local name, in m/s, degrees and metres.
"""

import re
from typing import Final
from xml.parsers import expat

from geo_service.replay.trace import SkipReason, TraceBuilder, TraceRejected, number, time_s

NAME: Final = "GPX"
EXTENSIONS: Final = (".gpx",)

BEST_HDOP_ACCURACY_M: Final = 5.0

_TRACK_POINT: Final = ["gpx", "trk", "trkseg", "trkpt"]
_MEANINGS: Final = {
    "time": "time",
    "ele": "altitude_m",
    "hdop": "hdop",
    "speed": "speed_mps",
    "course": "heading_deg",
    "bearing": "heading_deg",
    "accuracy": "accuracy_m",
}
_IN_EXTENSIONS: Final = frozenset({"speed", "course", "bearing", "accuracy"})
_MAX_DEPTH: Final = 100


def sniff(head: str) -> bool:
    """Whether the file begins like GPX."""
    return re.match(r"\s*<", head) is not None and re.search(r"<(?:[\w.-]+:)?gpx[\s/>]", head) is not None


def read(data: bytes, builder: TraceBuilder) -> None:
    """Hand every track point to the builder. Raises `TraceRejected` for what is not well-formed GPX."""
    parser = expat.ParserCreate(namespace_separator=" ")
    _GpxReader(builder, parser)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise TraceRejected(_what_to_do(error, data)) from error
    except (LookupError, ValueError) as error:
        raise TraceRejected("the XML declares an encoding that is not known; save the file as UTF-8") from error


def _what_to_do(error: expat.ExpatError, data: bytes) -> str:
    at = f"line {error.lineno}, column {error.offset + 1}"
    cause = expat.errors.messages[error.code]
    if error.code in _CUT_OFF:
        return f"the XML ends too early ({cause}, {at}): the file was cut off; export or copy it again"
    if _bad_utf8_line(data) == error.lineno:
        return (
            f"line {error.lineno} is not valid in the encoding that the XML declares (UTF-8 when it "
            "names none); save the file as UTF-8 or correct its encoding declaration"
        )
    return f"the XML is not well-formed ({cause}, {at}); repair that place or export the file again"


def _bad_utf8_line(data: bytes) -> int | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as bad_byte:
        return data.count(b"\n", 0, bad_byte.start) + 1
    return None


_CUT_OFF: Final = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)


class _GpxReader:
    def __init__(self, builder: TraceBuilder, parser: expat.XMLParserType) -> None:
        self._builder = builder
        self._parser = parser
        self._path: list[str] = []
        self._points = 0
        self._where = ""
        self._attributes: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._meaning: str | None = None
        self._text: list[str] = []
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def _doctype(self, _name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
        raise TraceRejected("a document type declaration (<!DOCTYPE) is not accepted in GPX; remove it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2])
        if len(self._path) == 1 and self._path != ["gpx"]:
            raise TraceRejected(f"the root element is <{self._path[0][:40]}>, not <gpx>; export the track as GPX")
        if len(self._path) > _MAX_DEPTH:
            raise TraceRejected(f"elements are nested more than {_MAX_DEPTH} deep; export the track as plain GPX")
        self._meaning = None
        if self._path == _TRACK_POINT:
            self._points += 1
            self._where = f"point {self._points} (line {self._parser.CurrentLineNumber})"
            self._attributes, self._values = attributes, {}
        elif self._path[:4] == _TRACK_POINT:
            self._meaning = self._meaning_here()
            self._text = []

    def _meaning_here(self) -> str | None:
        name = self._path[-1]
        if len(self._path) == 5:
            return _MEANINGS.get(name)
        if self._path[4] == "extensions" and name in _IN_EXTENSIONS:
            return _MEANINGS[name]
        return None

    def _characters(self, text: str) -> None:
        if self._meaning is not None:
            self._text.append(text)

    def _end(self, _name: str) -> None:
        if self._path == _TRACK_POINT:
            self._add_point()
        elif self._meaning is not None:
            self._values.setdefault(self._meaning, "".join(self._text).strip())
        self._meaning = None
        self._path.pop()

    def _add_point(self) -> None:
        hdop = self._value("hdop")
        if hdop is not None:
            hdop = max(hdop, BEST_HDOP_ACCURACY_M)
        accuracy_m = self._value("accuracy_m")
        self._builder.add(
            self._where,
            lat=number(self._attributes.get("lat", "")),
            lng=number(self._attributes.get("lon", "")),
            recorded_at=self._instant(),
            accuracy_m=hdop if accuracy_m is None else accuracy_m,
            speed_mps=self._value("speed_mps"),
            heading_deg=self._value("heading_deg"),
            altitude_m=self._value("altitude_m"),
        )

    def _instant(self) -> float | SkipReason | None:
        text = self._values.get("time", "")
        return time_s(text, zone_required=False) if text else None

    def _value(self, meaning: str) -> float | None:
        text = self._values.get(meaning, "")
        value = number(text)
        if text and value is None:
            self._builder.note(f"<{meaning.partition('_')[0]}> is not a number: left out")
        return value
