"""The only wiring: builds every part once and hands it to the ones that need it."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware

from db.store import open_store
from db.values import Mode
from resolvers.context import Limits, Service
from resolvers.passwords import Passwords
from resolvers.sign_in_links import SignInLinks
from resolvers.throttle import Throttle
from resolvers.tokens import TokenIssuer
from runner.attached import attached
from runner.bus import Bus
from runner.dispatcher import Cancels, Dispatcher
from runner.durable import durable
from runner.execution import Parts
from runner.output import OutputWriter
from runner.policy import Policy
from runner.pool import Pool
from runner.scheduler import Scheduler
from schema.build import build_schema
from sshcast import health, page
from sshcast.data_folder import FolderBusy, FolderLock, prepare
from sshcast.graphql import graphql_routes
from sshcast.hosts import HostGuard
from sshcast.rest import face
from sshcast.runtime import Runtime
from sshcast.settings import Settings

WAYS = {Mode.DURABLE: durable, Mode.ATTACHED: attached}
