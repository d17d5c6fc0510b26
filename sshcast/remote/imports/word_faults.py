"""What Python says of words that cannot be split, in Chinese."""

CHINESE = {"No closing quotation": "引号未闭合", "No escaped character": "反斜杠之后没有字符"}


def translate_fault(error: Exception) -> str:
    """Return the Chinese of an error of `shlex`; of any other error its own words."""
    return CHINESE.get(str(error), str(error))
