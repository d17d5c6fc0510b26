"""Documents that clients name by an id: those of the operator's list, and those that clients have registered.

Registering is Apollo's protocol of automatic persisted queries: a request with only `extensions.persistedQuery` that is
answered with PERSISTED_QUERY_NOT_FOUND is sent again with the document too. The memory is this process's own.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import ClassVar

from resolvers.errors import ServiceError
from schema.errors import DocumentInvalid
from schema.manifest import KnownOperation, hash_document
from schema.request import GraphQLRequest

AVERAGE_BYTES = 16 * 1024
"""What a registered document may take on average; all of them together take at most this for each that is allowed."""


# The messages of these two are the protocol's: some clients compare them.
class PersistedQueryNotFound(ServiceError):
    """PersistedQueryNotFound"""

    code = "PERSISTED_QUERY_NOT_FOUND"
    zh = "PersistedQueryNotFound"


class PersistedQueryNotSupported(ServiceError):
    """PersistedQueryNotSupported"""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"
    zh = "PersistedQueryNotSupported"


class HashMismatch(DocumentInvalid):
    """extensions.persistedQuery.sha256Hash must be the SHA-256 of the document, in lower-case hex digits."""

    zh = "extensions.persistedQuery.sha256Hash 须为查询文档的 SHA-256（小写十六进制）。"


class OperationNotListed(ServiceError):
    """SSHCAST_OPERATIONS_ONLY allows only listed operations: add this one by `sshcast operation build`."""

    code: ClassVar[str] = "QUERY_NOT_IN_SAFELIST"
    zh = "SSHCAST_OPERATIONS_ONLY 只允许清单内的操作：请用 `sshcast operation build` 将此操作加入清单。"


class IdNotListed(OperationNotListed):
    """SSHCAST_OPERATIONS_ONLY allows only listed operations, and none has this id: build the list anew."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"
    zh = "SSHCAST_OPERATIONS_ONLY 只允许清单内的操作，而清单中没有此 id：请重新生成清单。"


@dataclass(slots=True)
class RegisteredDocuments:
    """The most recently used documents that clients have registered, by hash; `most` of them, 0 for none."""

    most: int
    taken: int = 0
    _texts: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def find(self, hash: str) -> str | None:
        if (found := self._texts.get(hash)) is not None:
            self._texts.move_to_end(hash)
        return found

    def add(self, hash: str, text: str) -> None:
        """Keep the document, and drop those that were not used for longest, until all are within the bounds."""
        if self.find(hash) is not None:
            return
        self._texts[hash] = text
        self.taken += len(text.encode())
        while len(self._texts) > self.most or self.taken > self.most * AVERAGE_BYTES:
            self.taken -= len(self._texts.popitem(last=False)[1].encode())

    def __len__(self) -> int:
        return len(self._texts)


class PersistedDocuments:
    """Finds the document of a request that names one. `only`: no other documents than those of the list may run."""

    def __init__(self, known: Collection[KnownOperation] = (), *, only: bool = False, most: int = 0) -> None:
        self._known = {each.id: each.body for each in known}
        self._bodies = frozenset(self._known.values())
        self._only = only
        self._registered = RegisteredDocuments(0 if only else most)

    def resolve(self, asked: GraphQLRequest) -> GraphQLRequest:
        """Return the request with its document. Raise ServiceError if there is none, or it may not run here."""
        if asked.document_id is None:
            if self._only and asked.query not in self._bodies:
                raise OperationNotListed()
            return asked
        body = self._known.get(asked.document_id)
        if body is None and self._only:
            raise OperationNotListed() if asked.query else IdNotListed()
        if body is not None:
            return replace(asked, query=body, document_id=None)
        return self._resolve_registered(asked, asked.document_id)

    def _resolve_registered(self, asked: GraphQLRequest, hash: str) -> GraphQLRequest:
        if not self._registered.most:
            raise PersistedQueryNotSupported()
        if asked.query:
            if hash != hash_document(asked.query):
                raise HashMismatch()
            return asked
        if (text := self._registered.find(hash)) is None:
            raise PersistedQueryNotFound()
        return replace(asked, query=text, document_id=None)

    def register(self, asked: GraphQLRequest) -> None:
        """Keep the document of a resolved request that may run, if it came with its hash."""
        if asked.document_id is not None:
            self._registered.add(asked.document_id, asked.query)
