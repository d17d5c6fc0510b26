"""The encodings that a server's output may have, by their IANA names.

In each of them a byte below 128 at the beginning of a character is that character of ASCII, and no character changes
the meaning of those after it. So encodings with states (ISO-2022, UTF-7, HZ) or of two bytes (UTF-16) are not here.
"""

import re
from collections.abc import Mapping
from encodings.aliases import aliases

DEFAULT = "utf-8"
ISO_8859 = {f"iso-8859-{part}": f"iso8859_{part}" for part in (*range(2, 12), *range(13, 17))}
WINDOWS = {f"windows-{page}": f"cp{page}" for page in (874, 949, 950, *range(1250, 1259))}
IBM = {f"ibm{page}": f"cp{page}" for page in (437, 850, 852, 855, 857, 862, 866)}
CODECS: Mapping[str, str] = {
    DEFAULT: "utf_8",
    "us-ascii": "ascii",
    "gb18030": "gb18030",
    "gbk": "gbk",
    "gb2312": "gb2312",
    "big5": "big5",
    "big5-hkscs": "big5hkscs",
    "shift_jis": "shift_jis",
    "windows-31j": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "euc_kr",
    "iso-8859-1": "latin_1",
    **ISO_8859,
    **WINDOWS,
    **IBM,
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "tis-620": "tis_620",
    "macintosh": "mac_roman",
}
"""Python's codec for each name, as it is stored."""
MULTIBYTE = frozenset(
    {"gb18030", "gbk", "gb2312", "big5", "big5-hkscs", "shift_jis", "windows-31j", "euc-jp", "euc-kr"}
    | {"windows-949", "windows-950"}
)
"""The encodings, besides UTF-8, with characters of several bytes. There a later byte may look like a first one."""
LONGEST_CHARACTER = 8
"""The most bytes of one character: EUC-KR writes a rare syllable with four pairs."""
SEPARATORS = re.compile(r"[^a-z0-9]+")


def _fold(name: str) -> str:
    return SEPARATORS.sub("", name.lower())


OF_CODECS = {codec: name for name, codec in CODECS.items()}
NAMES: Mapping[str, str] = {
    **{_fold(alias): OF_CODECS[codec] for alias, codec in aliases.items() if codec in OF_CODECS},
    **{_fold(codec): name for codec, name in OF_CODECS.items()},
    **{_fold(name): name for name in CODECS},
}


def find_charset(name: str) -> str | None:
    """Return the encoding with this name or alias, in any case, by the name that is stored; None for any other."""
    return NAMES.get(_fold(name))
