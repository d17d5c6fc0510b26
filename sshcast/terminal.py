"""A command's output made safe for a terminal: text and, where wanted, colours; nothing that moves, writes or asks."""

import codecs
import re
from dataclasses import dataclass, field

# Complete control strings and sequences (ECMA-48): OSC, DCS, SOS, PM and APC run up to their terminator, CSI up to
# its final byte, and any other escape is two or three characters. What could begin another string ends a string that
# has no terminator, as in a terminal: so no text, however hostile, costs more than one reading of it.
STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*"
STRINGS = rf"{STRING}(?:\x07|\x1b\\|\x9c)"
CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
ESCAPE = r"\x1b[ -/]*[0-OQ-WYZ\\`-~]"
CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]"
HOSTILE = re.compile(f"{STRINGS}|{CSI}|{ESCAPE}|{CONTROLS}")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What may be the beginning of a sequence whose end has not come yet.
UNFINISHED = re.compile(rf"(?:{STRING}\x1b?|\x1b(?:\[[0-?]*[ -/]*|[ -/]*)?|\x9b[0-?]*[ -/]*)\Z")
LONGEST_HELD = 4096


@dataclass(slots=True)
class Sanitiser:
    """One stream's bytes as safe text, piece by piece; a character or sequence split between pieces stays whole."""

    colours: bool
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _held: str = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        begun = None if final else UNFINISHED.search(text)
        if begun is not None and len(text) - begun.start() <= LONGEST_HELD:
            self._held, text = text[begun.start() :], text[: begun.start()]
        return HOSTILE.sub(self._kept, text)

    def _kept(self, match: "re.Match[str]") -> str:
        return match[0] if self.colours and COLOUR.fullmatch(match[0]) else ""
