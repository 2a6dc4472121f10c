"""Why a bundle is refused: one stable code for each reason, so that scripts and auditors can tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from robocell_controller.errors import InputError

_LONGEST = 300  # characters of what was found


class Code(str, Enum):
    """The codes, in the order of the checks; a code keeps its meaning for good. The page docs/bundles.md lists them."""

    FOLDER = "E-FOLDER"
    SIZE_CAP = "E-SIZE-CAP"
    FILE_LINK = "E-FILE-LINK"
    FILE_KIND = "E-FILE-KIND"
    FILE_DUPLICATE = "E-FILE-DUPLICATE"
    FILE_STRAY = "E-FILE-STRAY"
    FILE_MISSING = "E-FILE-MISSING"
    FILE_EMPTY = "E-FILE-EMPTY"
    FILE_UNREADABLE = "E-FILE-UNREADABLE"

    SIG_MISSING = "E-SIG-MISSING"
    SIG_FORMAT = "E-SIG-FORMAT"
    SIG_SEVERAL = "E-SIG-SEVERAL"
    SIG_UNKNOWN_KEY = "E-SIG-UNKNOWN-KEY"
    SIG_REVOKED_KEY = "E-SIG-REVOKED-KEY"
    SIG_EXPIRED_KEY = "E-SIG-EXPIRED-KEY"
    SIG_WRONG = "E-SIG-WRONG"

    JSON_SYNTAX = "E-JSON-SYNTAX"
    JSON_DUPLICATE_KEY = "E-JSON-DUPLICATE-KEY"
    JSON_SCHEMA = "E-JSON-SCHEMA"
    JSON_ENCODING = "E-JSON-ENCODING"
    MANIFEST_TRAVERSAL = "E-MANIFEST-TRAVERSAL"
    MANIFEST_FILES = "E-MANIFEST-FILES"
    EPOCH_OLD = "E-EPOCH-OLD"

    HASH_SIZE = "E-HASH-SIZE"
    HASH_CONTENT = "E-HASH-CONTENT"

    ONNX_PARSE = "E-ONNX-PARSE"
    ONNX_ENCODING = "E-ONNX-ENCODING"
    ONNX_VERSION = "E-ONNX-VERSION"
    ONNX_METADATA = "E-ONNX-METADATA"
    ONNX_FUNCTION = "E-ONNX-FUNCTION"
    ONNX_DOMAIN = "E-ONNX-DOMAIN"
    ONNX_SIZE = "E-ONNX-SIZE"
    ONNX_OPERATOR = "E-ONNX-OPERATOR"
    ONNX_SUBGRAPH = "E-ONNX-SUBGRAPH"
    ONNX_ATTRIBUTE = "E-ONNX-ATTRIBUTE"
    ONNX_EXTERNAL_DATA = "E-ONNX-EXTERNAL-DATA"
    ONNX_DTYPE = "E-ONNX-DTYPE"
    ONNX_TENSOR = "E-ONNX-TENSOR"
    ONNX_NOT_FINITE = "E-ONNX-NOT-FINITE"
    ONNX_INTERFACE = "E-ONNX-INTERFACE"
    ONNX_CHECKER = "E-ONNX-CHECKER"
    ONNX_SHAPE = "E-ONNX-SHAPE"
    ONNX_RUNTIME = "E-ONNX-RUNTIME"

    CONTRACT_OBSERVATION = "E-CONTRACT-OBSERVATION"
    CONTRACT_ACTION = "E-CONTRACT-ACTION"
    CONTRACT_ROBOT = "E-CONTRACT-ROBOT"
    CONTRACT_RATES = "E-CONTRACT-RATES"
    CONTRACT_FRAMES = "E-CONTRACT-FRAMES"
    CONTRACT_MOTION = "E-CONTRACT-MOTION"
    CONTRACT_WIDER = "E-CONTRACT-WIDER"

    GOLDEN_ARCHIVE = "E-GOLDEN-ARCHIVE"
    GOLDEN_COMPRESSED = "E-GOLDEN-COMPRESSED"
    GOLDEN_MEMBERS = "E-GOLDEN-MEMBERS"
    GOLDEN_OBJECTS = "E-GOLDEN-OBJECTS"
    GOLDEN_ARRAYS = "E-GOLDEN-ARRAYS"
    GOLDEN_NOT_FINITE = "E-GOLDEN-NOT-FINITE"
    GOLDEN_ENCODING = "E-GOLDEN-ENCODING"
    GOLDEN_MISMATCH = "E-GOLDEN-MISMATCH"
    TOO_SLOW = "E-TOO-SLOW"

    STORE = "E-STORE"


class RefusedError(InputError):
    """A bundle, key or store that is not trusted; ``code`` says why, and ends the message."""

    def __init__(self, code: Code, place: str | Path, found: str, expected: str) -> None:
        """Builds the one-line message, see :class:`InputError`; what a hostile file says of itself is cut short."""
        found = found if len(found) <= _LONGEST else found[:_LONGEST] + "…"
        super().__init__(place, found, f"{expected} ({code.value})")
        self.code = code
        self._parts = (code, place, found, expected)

    def __reduce__(self) -> tuple[type[RefusedError], tuple[Code, str | Path, str, str]]:  # type: ignore[override]
        """Lets a worker process hand the error to its parent."""
        return type(self), self._parts


@contextmanager
def refusing(code: Code) -> Iterator[None]:
    """Gives an :class:`InputError` of the code within this refusal code, unless it has one."""
    try:
        yield
    except RefusedError:
        raise
    except InputError as error:
        place, found, expected = error.arguments
        raise RefusedError(code, place, found, expected) from error
