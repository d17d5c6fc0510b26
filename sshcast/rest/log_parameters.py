"""The parameters that several forms of a log have."""

from db.values import Stream
from sshcast.rest.parameters import define_choice, define_text

CURSOR = define_text("cursor", "Only what comes after this position, which an earlier answer gave.")
STREAM = define_choice("stream", "Only the output of this stream.", tuple(Stream))
