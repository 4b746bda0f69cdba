#!/usr/bin/env python3
"""The worker of Longshore's training jobs: fetches the dataset of a job, proves its bytes, runs the training command, and
tells how it goes. Python 3.9 or later, standard library only, one file: the same on every target.

    training_server.py run [-- COMMAND ...]     one job, named by LONGSHORE_URL, LONGSHORE_JOB_ID, LONGSHORE_JOB_TOKEN
    training_server.py agent                    polls LONGSHORE_URL with LONGSHORE_API_KEY, takes and runs local jobs

What the command finds in its environment:

    DATASET_PATH       the records, JSON Lines, verified (of this shard, with --shard i/n)
    DATASET_GZ_PATH    the whole object as it was stored, verified
    DATASET_KIND       messages, preference, text, ...      DATASET_EXAMPLES   how many records DATASET_PATH has
    JOB_ID             OUTPUT_DIR (a folder of its own)     HYPERPARAMETERS_PATH (JSON)     SHARD_INDEX, SHARD_COUNT

and nothing of Longshore's own: the token stays here. Every line it prints is forwarded; lines that are JSON objects or
Hugging Face Trainer's dictionaries with numbers in them also become metrics.

What it holds to:
  * The token goes to LONGSHORE_URL and nowhere else; no redirect is followed, with or without it.
  * No address of the data is kept: each one that fails is asked for anew, with the copy that failed and why.
  * Nothing is given to the command that does not have both hashes; files appear under their names when they do.
  * Whatever fails is reported with its stage; reports are numbered and repeated until the server has them.
  * When the server says that the job is over, the command's whole process group ends. So it does when this process is
    killed: a small guard process between the two sees to it.

Exit codes of `run`: 0 completed, 1 failed, 2 wrong usage, 3 the job was over (cancelled, or taken over by another).
"""
from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import math
import os
import queue
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections import deque
from datetime import datetime, timezone
from urllib.parse import quote, urlencode, urlsplit

VERSION = "1"
NETWORK_CHUNK = 256 * 1024
FILE_CHUNK = 256 * 1024
# What inflating yields at a time: bounds memory whatever the data unpacks to.
OUTPUT_CHUNK = 1024 * 1024
DISK_RESERVE = 64 * 1024 * 1024
# A copy that fails its hash so often, with no other left, is not going to get better while we wait.
MAX_MISMATCHES = 4
MAX_LINE = 64 * 1024
LOG_BUFFER = 4 * 1024 * 1024
# What keeping a line costs beside its text.
LINE_COST = 200
# JSON may need six characters for one, and a report may have a megabyte.
LOG_REPORT = 96 * 1024
METRIC_BUFFER = 20_000


class JobOver(Exception):
    """The server takes nothing more in: the job was cancelled, has ended, or is another worker's now."""

    def __init__(self, state):
        super().__init__("the job is over (%s)" % state)
        self.state = state


class Stopped(Exception):
    """This process was told to end: the job is handed back."""


class Failure(Exception):
    """The job cannot go on. `retry`: another attempt may end otherwise."""

    def __init__(self, code, message, stage, hint=None, retry=False):
        super().__init__(message)
        self.code, self.message, self.stage, self.hint, self.retry = code, message, stage, hint, retry


class Refused(Exception):
    """The server's answer is a refusal that asking again does not change."""

    def __init__(self, status, problem):
        super().__init__("%s %s: %s" % (status, problem.get("code"), problem.get("detail")))
        self.status, self.problem = status, problem


class Stop:
    """Why everything here is to end, once somebody knows. Wakes whoever waits."""

    def __init__(self):
        self._event, self._reason, self._wakers = threading.Event(), None, []

    def set(self, reason):
        if self._reason is None:
            self._reason = reason
        self._event.set()
        for wake in list(self._wakers):
            wake()

    def on_set(self, wake):
        self._wakers.append(wake)

    def off(self, wake):
        self._wakers.remove(wake)

    def is_set(self):
        return self._event.is_set()

    def check(self):
        if self._event.is_set():
            raise self._reason

    def pause(self, seconds):
        self._event.wait(seconds)
        self.check()


# ---------------------------------------------------------------------------------------------- the server


class Server:
    """Speaks to one Longshore server. Follows no redirect, so that the token cannot reach another host."""

    def __init__(self, url, token, stop, patience, timeout=30.0):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SystemExit("LONGSHORE_URL must be an http or https address")
        self._parts, self._token, self._stop = parts, token, stop
        self._patience, self._timeout = patience, timeout

    def with_token(self, token):
        return Server(self._parts.geturl(), token, self._stop, self._patience, self._timeout)

    def call(self, method, path, body=None, patience=None):
        """One answer, asked for again through outages of up to `patience` seconds.

        Raises JobOver, Refused, Failure (with the code of the last answer, or server_unreachable), or what `stop` was set with."""
        limit = time.monotonic() + (self._patience if patience is None else patience)
        pause = 0.25
        while True:
            try:
                status, headers, answer = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                answer, wait = {"detail": "The server gave no answer: %s" % describe(error)}, pause
            else:
                if 200 <= status < 300:
                    return answer
                if status not in (408, 429) and status < 500:
                    raise self._refusal(status, answer)
                wait = max(pause, min(60.0, number(headers.get("retry-after"), 0.0)))
            if time.monotonic() + wait > limit:
                code, detail = answer.get("code"), answer.get("detail") or "The server cannot answer."
                raise Failure(code or "server_unreachable", detail, "report", answer.get("hint"), retry=True)
            self._stop.pause(wait)
            pause = min(pause * 2, 5.0)

    def _once(self, method, path, body):
        connection = connect(self._parts, self._timeout)
        try:
            headers = {"Authorization": "Bearer " + self._token, "User-Agent": "longshore-worker/" + VERSION}
            payload = None
            if body is not None:
                payload = json.dumps(body, allow_nan=False).encode()
                headers["Content-Type"] = "application/json"
            connection.request(method, self._parts.path.rstrip("/") + path, payload, headers)
            response = connection.getresponse()
            text = response.read(4 * 1024 * 1024)
            return response.status, response.headers, parse_object(text)
        finally:
            connection.close()

    @staticmethod
    def _refusal(status, answer):
        if answer.get("code") == "job_over":
            return JobOver(answer.get("state", "over"))
        if status == 401:
            return JobOver("unauthorized")
        return Refused(status, answer)


def connect(parts, timeout):
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)


def parse_object(text):
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class Job:
    """The server's face of one job, for one attempt: the token opens nothing else."""

    def __init__(self, server, job_id, shard):
        self._server, self.id, self._shard = server, job_id, shard
        self._base = "/api/training/jobs/" + quote(job_id, safe="")

    def post(self, verb, body, patience=None):
        if self._shard is not None:
            body = dict(body, shard={"index": self._shard[0], "count": self._shard[1]})
        return self._server.call("POST", "%s/%s" % (self._base, verb), body, patience)

    def dataset(self, query, patience):
        wanted = {name: value for name, value in query.items() if value is not None}
        return self._server.call("GET", "%s/dataset?%s" % (self._base, urlencode(wanted)), patience=patience)


# ---------------------------------------------------------------------------------------------- reports


class Reporter:
    """Sends logs, metrics and signs of life. Its memory is bounded: in an outage the oldest lines give way, counted."""

    def __init__(self, job, heartbeat_seconds, on_over):
        self._job, self._beat, self._on_over = job, heartbeat_seconds, on_over
        self._lock = threading.Condition()
        self._logs, self._log_bytes, self._lost = deque(), 0, 0
        self._metrics, self._seq = [], 0
        self._closing = False
        self._sending = False
        self._stage, self._progress = None, {}
        self._beat_now, self._ended = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._send_loop, name="reports", daemon=True),
            threading.Thread(target=self._beat_loop, name="heartbeat", daemon=True),
        ]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stage(self, stage, **progress):
        changed, self._stage, self._progress = stage != self._stage, stage, progress
        if changed:
            self._beat_now.set()

    def log(self, stream, text):
        with self._lock:
            self._logs.append((stream, text, now()))
            self._log_bytes += len(text) + LINE_COST
            while self._log_bytes > LOG_BUFFER and len(self._logs) > 1:
                self._log_bytes -= len(self._logs.popleft()[1]) + LINE_COST
                self._lost += 1
            if self._log_bytes > LOG_REPORT:
                self._lock.notify_all()

    def metric(self, point):
        with self._lock:
            self._metrics.append(dict(point, at=now()))
            del self._metrics[:-METRIC_BUFFER]

    def say(self, text):
        sys.stderr.write("longshore: %s\n" % text)
        self.log("worker", text + "\n")

    def flush(self, seconds):
        """Waits until everything that was said has arrived, or the time is over. True when it has."""
        limit = time.monotonic() + seconds
        with self._lock:
            self._closing = True
            self._lock.notify_all()
            while self._logs or self._metrics or self._sending:
                left = limit - time.monotonic()
                if left <= 0 or not self._threads[0].is_alive():
                    return False
                self._lock.wait(min(left, 0.5))
        return True

    def end(self):
        self._ended.set()
        self._beat_now.set()
        with self._lock:
            self._lock.notify_all()

    def _send_loop(self):
        while not self._ended.is_set():
            try:
                self._send_once()
            except JobOver as over:
                return self._on_over(over)
            except Refused as refusal:
                sys.stderr.write("longshore: a report was refused: %s\n" % refusal)
            except (Stopped, Failure):
                return

    def _send_once(self):
        with self._lock:
            if not self._closing:
                self._lock.wait(min(1.0, self._beat))
            elif not (self._logs or self._metrics):
                self._lock.wait(0.1)
            chunks, points = self._take()
            self._sending = bool(chunks or points)
        try:
            # Numbers first: they were in lines that come with them, and the last words of a log stay last.
            if points:
                self._seq += 1
                self._job.post("metrics", {"seq": self._seq, "points": points})
            if chunks:
                self._seq += 1
                self._job.post("logs", {"seq": self._seq, "chunks": chunks})
        finally:
            with self._lock:
                self._sending = False
                self._lock.notify_all()

    def _take(self):
        """Neighbouring lines of one stream as one chunk, up to the size of a report."""
        chunks, size = [], 0
        if self._lost:
            chunks.append({"stream": "worker", "text": "%d lines were lost in an outage\n" % self._lost})
            self._lost = 0
        while self._logs and size < LOG_REPORT:
            stream, text, at = self._logs[0]
            if chunks and chunks[-1]["stream"] == stream and len(chunks[-1]["text"]) < 32 * 1024:
                chunks[-1]["text"] += text
            elif len(chunks) < 400:
                chunks.append({"stream": stream, "text": text, "at": at})
            else:
                break
            self._logs.popleft()
            size += len(text)
            self._log_bytes -= len(text) + LINE_COST
        points, self._metrics = self._metrics[:500], self._metrics[500:]
        return chunks, points

    def _beat_loop(self):
        while not self._ended.is_set():
            self._beat_now.clear()
            body = {"progress": self._progress}
            if self._stage is not None:
                body["stage"] = self._stage
            try:
                self._job.post("heartbeat", body)
            except JobOver as over:
                return self._on_over(over)
            except Refused as refusal:
                sys.stderr.write("longshore: a heartbeat was refused: %s\n" % refusal)
            except (Stopped, Failure):
                return
            self._beat_now.wait(self._beat)


# ---------------------------------------------------------------------------------------------- metrics

LIKELY = re.compile(r"loss|acc|perplex|reward|learning_rate|^lr$|grad_norm|eval|f1|bleu|rouge|error|score|metric|epoch|step", re.I)
# A name and a number (newer Trainers put it in quotes) of a flat Python dictionary. Nothing is evaluated.
PYTHON_PAIR = re.compile(r"'([^'\\]{1,200})'\s*:\s*('?)([^\s,'{}\[\]]{1,40})\2\s*(?=[,}])")


def metrics_of(line):
    """The numbers of a line that is a JSON object, or a dictionary as Hugging Face's Trainer prints it. None otherwise."""
    start, end = line.find("{"), line.rfind("}")
    if start < 0 or end < start or len(line) > 16_384:
        return None
    record = parse_record(line[start : end + 1])
    if not isinstance(record, dict) or not any(LIKELY.search(str(name)) for name in record):
        return None
    inner = record.get("metrics")
    values = {}
    for name, value in list(record.items()) + (list(inner.items()) if isinstance(inner, dict) else []):
        parsed = finite(value)
        if parsed is not None and len(values) < 64:
            values[str(name)[:200]] = parsed
    step, epoch = values.pop("step", values.pop("global_step", None)), values.pop("epoch", None)
    if not values:
        return None
    point = {"values": values}
    if step is not None:
        point["step"] = step
    if epoch is not None:
        point["epoch"] = epoch
    return point


def parse_record(text):
    try:
        return json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        return {name: value for name, _, value in PYTHON_PAIR.findall(text)} if text.startswith("{'") else None


def finite(value):
    """A finite number, also one in quotes (newer Trainers print them so). None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", value.strip()):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


# ---------------------------------------------------------------------------------------------- the bytes


class Mismatch(Exception):
    """What arrived is not the dataset."""


class Paths:
    def __init__(self, folder):
        self.folder = folder
        self.object, self.content = os.path.join(folder, "dataset.jsonl.gz"), os.path.join(folder, "dataset.jsonl")

    def clear(self):
        for path in (self.object, self.content):
            for name in (path, path + ".part"):
                if os.path.exists(name):
                    os.remove(name)


class Unpacking:
    """Takes the object's bytes in order, and in threads of their own writes and hashes them, inflates them, hashes and
    writes the records. zlib, hashlib and file writes all let other threads run.

    The inflating side reads back from the file, so that a fast network never waits for it and memory stays small."""

    def __init__(self, paths, expected, shard):
        self._paths, self._expected, self._shard = paths, expected, shard
        self._lock = threading.Condition()
        self._incoming, self._outgoing = queue.Queue(32), queue.Queue(8)
        self._written, self._complete = 0, False
        self._fault = None
        self.received = 0
        self.object_sha256 = self.content_sha256 = None
        self.content_size, self.records = 0, 0
        works = (("object", self._store), ("inflate", self._inflate), ("records", self._records))
        self._threads = [threading.Thread(target=self._guarded, args=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def feed(self, chunk):
        """Raises what went wrong behind the scenes as soon as it is known: Mismatch, or Failure of the disk."""
        self._put(self._incoming, chunk)
        self.received += len(chunk)

    def finish(self):
        """Waits for all of it. Raises Mismatch unless everything is as expected."""
        self._put(self._incoming, None)
        for thread in self._threads:
            thread.join()
        if self._fault is not None:
            raise self._fault
        for name in ("object_sha256", "content_sha256"):
            if self._expected.get(name) not in (None, getattr(self, name)):
                raise Mismatch("its %s differs" % name)

    def abort(self):
        with self._lock:
            self._fault = self._fault or Mismatch("given up")
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def publish(self):
        os.replace(self._paths.object + ".part", self._paths.object)
        os.replace(self._paths.content + ".part", self._paths.content)

    def _guarded(self, name, work):
        threading.current_thread().name = name
        try:
            work()
        except (zlib.error, Mismatch, OSError) as error:
            fault = error
            if isinstance(error, zlib.error):
                fault = Mismatch("it cannot be unpacked: %s" % error)
            elif isinstance(error, OSError):
                fault = disk_failure(error)
            with self._lock:
                self._fault = self._fault or fault
                self._lock.notify_all()

    def _put(self, target, item):
        while True:
            if self._fault is not None:
                raise self._fault
            try:
                return target.put(item, timeout=0.2)
            except queue.Full:
                continue

    def _get(self, source):
        while True:
            try:
                return source.get(timeout=0.2)
            except queue.Empty:
                if self._fault is not None:
                    raise self._fault

    def _store(self):
        digest = hashlib.sha256()
        with open(self._paths.object + ".part", "wb", buffering=0) as file:
            while True:
                chunk = self._get(self._incoming)
                if chunk is None:
                    break
                write_all(file, chunk)
                with self._lock:
                    self._written += len(chunk)
                    self._lock.notify_all()
                digest.update(chunk)
        self.object_sha256 = digest.hexdigest()
        with self._lock:
            self._complete = True
            self._lock.notify_all()

    def _inflate(self):
        give_way()
        inflater, offset = zlib.decompressobj(31), 0
        with open_when_there(self._paths.object + ".part", self._available) as file:
            while True:
                available = self._available(offset)
                if available == offset:
                    break
                chunk = os.pread(file.fileno(), min(FILE_CHUNK, available - offset), offset)
                offset += len(chunk)
                if inflater.eof:
                    raise Mismatch("bytes follow its end")
                while chunk:
                    self._emit(inflater.decompress(chunk, OUTPUT_CHUNK))
                    chunk = inflater.unconsumed_tail
                if inflater.unused_data:
                    raise Mismatch("bytes follow its end")
        self._emit(inflater.flush())
        if not inflater.eof:
            raise Mismatch("its end is missing")
        self._put(self._outgoing, None)

    def _available(self, offset):
        """How many bytes the file has, once there are more than `offset` or there will be no more."""
        with self._lock:
            while self._written <= offset and not self._complete:
                if self._fault is not None:
                    raise self._fault
                self._lock.wait(0.2)
            return self._written

    def _emit(self, data):
        if not data:
            return
        self.content_size += len(data)
        limit = self._expected.get("content_size")
        if limit is not None and self.content_size > limit:
            raise Mismatch("it unpacks to more than %d bytes" % limit)
        self._put(self._outgoing, data)

    def _records(self):
        give_way()
        digest = hashlib.sha256()
        with open(self._paths.content + ".part", "wb", buffering=0) as file:
            window = LineWindow(file, self._expected.get("total_examples"), self._shard)
            while True:
                data = self._get(self._outgoing)
                if data is None:
                    break
                digest.update(data)
                window.write(data)
        self.content_sha256, self.records = digest.hexdigest(), window.kept


class LineWindow:
    """Writes the lines of one shard: of n shards in the order of the records, as the server cuts them."""

    def __init__(self, file, total, shard):
        self._file, self._line, self.kept = file, 0, 0
        self._start, self._end = 0, None
        if shard is not None:
            if total is None:
                raise Mismatch("the number of its records is not known, so it cannot be cut into shards")
            self._start, self._end = total * shard[0] // shard[1], total * (shard[0] + 1) // shard[1]

    def write(self, data):
        lines = data.count(b"\n")
        first, last = self._line, self._line + lines
        self._line = last
        if self._end is None:
            self.kept = last
            return write_all(self._file, data)
        begin = self._offset(data, self._start - first)
        end = self._offset(data, self._end - first)
        self.kept += max(0, min(last, self._end) - max(first, self._start))
        if end > begin:
            write_all(self._file, memoryview(data)[begin:end])

    @staticmethod
    def _offset(data, lines):
        """Where the line after `lines` line feeds begins; the end where there are not so many."""
        position = 0
        for _ in range(max(0, lines)):
            found = data.find(b"\n", position)
            if found < 0:
                return len(data)
            position = found + 1
        return position


def write_all(file, data):
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def open_when_there(path, available):
    available(0)
    return open(path, "rb", buffering=0)


def give_way():
    """Receiving goes first where the kernel knows threads' priorities: a connection is worth more than a processor."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
    except (OSError, AttributeError):
        pass


class Expired(Exception):
    """The address is not valid any more."""

    at_once = False


class CopyFailed(Exception):
    """This copy does not answer as it should; another may. `at_once`: asking it again is no use."""

    def __init__(self, reason, at_once=True):
        super().__init__(reason)
        self.reason, self.at_once = reason, at_once


class Fetch:
    """Brings the dataset of a job: over as many connections, addresses and copies as it takes."""

    def __init__(self, job, reporter, options, stop):
        self._job, self._reporter, self._options, self._stop = job, reporter, options, stop
        self._paths = Paths(options.folder)
        self._connection = None
        self._copies = set()
        self.seconds = self.total_seconds = None
        stop.on_set(self._cut)

    def run(self):
        """Returns (paths, location, unpacking). Raises Failure, JobOver, Stopped."""
        self._paths.clear()
        location = self._locate()
        self._check_disk(location)
        for attempt in range(1, MAX_MISMATCHES + 1):
            unpacking = Unpacking(self._paths, location, self._options.shard)
            try:
                started = time.monotonic()
                location = self._receive(location, unpacking)
                self.seconds = time.monotonic() - started
                self._reporter.stage("verify", done_bytes=unpacking.received)
                unpacking.finish()
                unpacking.publish()
                self.total_seconds = time.monotonic() - started
                return self._paths, location, unpacking
            except Mismatch as fault:
                reason = str(fault)
                self._reporter.say("the copy on %s is bad: %s" % (location["provider"], reason))
                # What came from two copies blames neither: once more, from one.
                blamed = location["provider"] if len(self._copies) <= 1 else None
                if attempt == MAX_MISMATCHES:
                    raise Failure("hash_mismatch", "No copy has the bytes of the dataset: %s" % reason, "verify")
                unpacking.abort()
                self._stop.pause(min(10.0, 0.2 * 4**attempt))
                location = self._locate(blamed, reason)
            finally:
                unpacking.abort()
        raise AssertionError("unreachable")

    def _locate(self, avoid=None, reason=None):
        self._stop.check()
        query = {"avoid": avoid, "reason": reason, "expires_in": self._options.url_seconds}
        try:
            return self._job.dataset(query, self._options.fetch_patience)
        except Refused as refusal:
            problem = refusal.problem
            code = problem.get("code") or "refused"
            raise Failure(code, problem.get("detail") or str(refusal), "fetch", problem.get("hint"))
        except Failure as failure:
            raise Failure(failure.code, failure.message, "fetch", failure.hint, True)

    def _check_disk(self, location):
        size, content = location.get("size") or 0, location.get("content_size") or 0
        count = self._options.shard[1] if self._options.shard else 1
        needed = size + content // count + DISK_RESERVE
        free = shutil.disk_usage(self._paths.folder).free
        if free < needed:
            hint = "Free %d bytes in %s, or give the worker another --work-dir." % (needed - free, self._paths.folder)
            raise Failure("disk_full", "The dataset needs %d bytes, %d are free." % (needed, free), "fetch", hint)

    def _receive(self, location, unpacking):
        """Feeds the whole object. Returns the last address."""
        self._copies = {location["provider"]}
        failures, progress_at = 0, time.monotonic()
        while True:
            before = unpacking.received
            try:
                self._stream(location, unpacking)
                return location
            except (Expired, CopyFailed) as fault:
                self._stop.check()
                progressed = unpacking.received > before
                failures = 0 if progressed else failures + 1
                progress_at = time.monotonic() if progressed else progress_at
                if time.monotonic() - progress_at > self._options.fetch_patience:
                    raise Failure("fetch_failed", "The dataset cannot be fetched: %s" % fault, "fetch", retry=True)
                reason = str(fault)
                self._reporter.say("%s: %s, at byte %d" % (location["provider"], reason, unpacking.received))
                self._stop.pause(min(15.0, 0.1 * 2 ** min(failures, 8)) if failures else 0)
                # An address that only grew old says nothing about its copy; one refused again and again does.
                blame = fault.at_once or failures > 1
                location = self._locate(location["provider"] if blame else None, reason)
                self._copies.add(location["provider"])

    def _stream(self, location, unpacking):
        """One request: from where we are to the end of the object."""
        if self._options.dataset_file is not None and unpacking.received == 0:
            return self._read_file(self._options.dataset_file, unpacking)
        offset, size = unpacking.received, location.get("size")
        response = self._open(location["url"], offset)
        try:
            total = total_of(response, offset)
            if size is not None and total is not None and total != size:
                raise Mismatch("it has %d bytes instead of %d" % (total, size))
            skip = offset if response.status == 200 else 0
            while True:
                chunk = response.read1(NETWORK_CHUNK)
                if not chunk:
                    break
                if skip:
                    skip, chunk = max(0, skip - len(chunk)), chunk[skip:]
                    if not chunk:
                        continue
                unpacking.feed(chunk)
                self._reporter.stage("fetch", done_bytes=unpacking.received, total_bytes=size, provider=location["provider"])
        except socket.timeout:
            raise CopyFailed("stalled")
        except (OSError, http.client.HTTPException) as error:
            raise CopyFailed("broke off: %s" % describe(error), at_once=False)
        finally:
            self._close()
        expected = size if size is not None else total
        if expected is not None and unpacking.received < expected:
            self._stop.check()
            raise CopyFailed("ended early", at_once=False)

    def _read_file(self, path, unpacking):
        """The platform has brought the object already (SageMaker's input channel): it is verified like any other."""
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if name.endswith(".gz"))
            path = os.path.join(path, names[0] if len(names) == 1 else "dataset.jsonl.gz")
        try:
            with open(path, "rb", buffering=0) as file:
                while True:
                    chunk = file.read(NETWORK_CHUNK)
                    if not chunk:
                        return
                    unpacking.feed(chunk)
                    self._stop.check()
        except OSError as error:
            raise Failure("dataset_file_unreadable", describe(error), "fetch")

    def _open(self, url, offset):
        parts = urlsplit(url)
        headers = {"Accept-Encoding": "identity", "User-Agent": "longshore-worker/" + VERSION}
        if offset > 0:
            headers["Range"] = "bytes=%d-" % offset
        try:
            self._connection = connect(parts, self._options.stall_seconds)
            self._stop.check()
            self._connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""), None, headers)
            response = self._connection.getresponse()
        except socket.timeout:
            self._close()
            raise CopyFailed("stalled")
        except (OSError, http.client.HTTPException) as error:
            self._close()
            raise CopyFailed("no answer: %s" % describe(error), at_once=False)
        if response.status in (200, 206):
            return response
        self._close()
        # Supabase says 400 where others say 403.
        if response.status in (400, 401, 403, 410):
            raise Expired("http_%d" % response.status)
        raise CopyFailed("http_%d" % response.status)

    def _close(self):
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _cut(self):
        """From another thread: ends a read that waits."""
        connection = self._connection
        held = getattr(connection, "sock", None)
        if held is not None:
            try:
                held.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def total_of(response, offset):
    """The size of the whole object, by what the answer says; None when it does not."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
        if match is None or int(match.group(1)) != offset:
            raise CopyFailed("answers another range")
        return None if match.group(2) == "*" else int(match.group(2))
    length = response.headers.get("content-length")
    return int(length) if length is not None and length.isdigit() else None


def disk_failure(error):
    return Failure("disk_failed", "The dataset cannot be written: %s" % describe(error), "unpack", retry=True)


# ---------------------------------------------------------------------------------------------- the command


class Command:
    """Runs the training command in a process group of its own, behind a guard that ends the group when we are killed."""

    def __init__(self, argv, environment, folder, reporter, grace):
        self._argv, self._environment, self._folder = argv, environment, folder
        self._reporter, self._grace, self._process = reporter, grace, None
        self._lock = threading.Lock()
        self._ended = False

    def run(self):
        """Returns the exit code; negative for a signal."""
        guard = [sys.executable, os.path.abspath(__file__), "guard", str(self._grace), "--"] + self._argv
        try:
            with self._lock:
                if self._ended:
                    return -signal.SIGTERM
                self._process = subprocess.Popen(
                    guard, env=self._environment, cwd=self._folder, stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True,
                )
        except OSError as error:
            raise Failure("command_not_started", "The command cannot be started: %s" % describe(error), "train")
        readers = [
            threading.Thread(target=self._read, args=(name, getattr(self._process, name)), daemon=True)
            for name in ("stdout", "stderr")
        ]
        for reader in readers:
            reader.start()
        code = self._process.wait()
        # Grandchildren may hold the pipes open; what they still print is not waited for for ever.
        for reader in readers:
            reader.join(self._grace)
        self._kill(signal.SIGKILL)
        return code

    def end(self):
        """SIGTERM to the whole group, and SIGKILL after the grace. Returns at once."""
        with self._lock:
            self._ended = True
        if self._process is not None:
            # The guard sees its end of the pipe close, and does both.
            self._process.stdin.close()

    def _kill(self, number):
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def _read(self, name, pipe):
        mirror = getattr(sys, name).buffer
        rest = b""
        while True:
            data = os.read(pipe.fileno(), 64 * 1024)
            if not data:
                break
            mirror.write(data)
            mirror.flush()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._line(name, line)
            while len(rest) > MAX_LINE:
                self._line(name, rest[:MAX_LINE])
                rest = rest[MAX_LINE:]
        if rest:
            self._line(name, rest)
        pipe.close()

    def _line(self, name, line):
        # A progress bar redraws its line: what a terminal would show at the end.
        shown = line.rstrip(b"\r").rsplit(b"\r", 1)[-1]
        while len(shown) > MAX_LINE:
            self._reporter.log(name, shown[:MAX_LINE].decode("utf-8", "replace") + "\n")
            shown = shown[MAX_LINE:]
        text = shown.decode("utf-8", "replace")
        self._reporter.log(name, text + "\n")
        point = metrics_of(text)
        if point is not None:
            self._reporter.metric(point)


def guard(grace, argv):
    """Between worker and command: leads the process group, and ends it when the worker is gone or says so.

    Ends as the command did: with its code, or by its signal."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    def usual_signals():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=usual_signals)
    except OSError as error:
        sys.stderr.write("longshore: the command cannot be started: %s\n" % describe(error))
        return 127

    def watch():
        try:
            while os.read(0, 1):
                pass
        except OSError:
            pass
        os.killpg(0, signal.SIGTERM)
        time.sleep(grace)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


# ---------------------------------------------------------------------------------------------- one job


class Options:
    """What the command line and the environment decide."""

    def __init__(self, given):
        self.work_dir = given.work_dir or os.path.join(os.getcwd(), "longshore-work")
        self.command = given.command
        self.shard = given.shard
        self.stall_seconds, self.fetch_patience = given.stall_seconds, given.fetch_patience
        self.outage_patience, self.grace = given.outage_patience, given.grace
        self.url_seconds, self.keep = given.url_seconds, given.keep
        self.dataset_file = given.dataset_file
        self.folder = self.work_dir

    def for_job(self, job_id):
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", job_id):
            raise SystemExit("this is not the id of a job")
        self.folder = os.path.join(self.work_dir, job_id)
        os.makedirs(os.path.join(self.folder, "output"), exist_ok=True)
        return self


class Run:
    """One attempt at one job, from the claim to the last report."""

    def __init__(self, url, job_id, token, options, stop):
        self._options, self._stop = options.for_job(job_id), stop
        self._work = Job(Server(url, token, stop, options.outage_patience), job_id, options.shard)
        # Reports go on while the work is being stopped.
        self._reports_end = Stop()
        reporting = Server(url, token, self._reports_end, 7 * 86_400.0)
        self._reports = Job(reporting, job_id, options.shard)
        self._reporter, self._config = None, {}

    def run(self, view=None):
        """`view` is what the claim answered, where somebody else claimed. Returns the exit code."""
        over, failure = None, None
        try:
            view = view or self._work.post("claim", {"worker": worker_name()})
            self._config = view["job"].get("config") or {}
            beat = number(view.get("heartbeat_seconds"), 10.0)
            self._reporter = Reporter(self._reports, beat, self._stop.set)
            self._reporter.start()
            self._attempt()
        except JobOver as error:
            over = error
        except Stopped:
            failure = Stopped()
        except Failure as error:
            failure = error
        except Refused as error:
            failure = Failure(error.problem.get("code") or "refused", str(error), "claim", error.problem.get("hint"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the server is told before this process ends
            failure = Failure("worker_fault", "%s: %s" % (type(error).__name__, error), "worker", retry=True)
        return self._settle(over, failure)

    def _attempt(self):
        argv = command_of(self._options.command or self._config.get("command"))
        self._work.post("status", {"state": "fetching"})
        self._reporter.stage("fetch")
        fetch = Fetch(self._work, self._reporter, self._options, self._stop)
        paths, location, unpacked = fetch.run()
        self._reporter.say(
            "fetched %d bytes from %s in %.3f s; both hashes verified, %d records unpacked, after %.3f s"
            % (unpacked.received, location["provider"], fetch.seconds, unpacked.records, fetch.total_seconds)
        )
        self._stop.check()
        self._work.post("status", {"state": "running"})
        self._reporter.stage("train")
        command = Command(
            argv, self._environment(paths, location, unpacked.records), self._options.folder, self._reporter,
            self._options.grace,
        )
        self._stop.on_set(command.end)
        self._stop.check()
        code = command.run()
        self._stop.check()
        if code != 0:
            raise command_failure(code)

    def _settle(self, over, failure):
        reporter = self._reporter
        if over is not None:
            sys.stderr.write("longshore: %s\n" % over)
            if reporter is not None:
                reporter.end()
            self._reports_end.set(Stopped())
            self._tidy()
            return 3
        if isinstance(failure, Failure):
            text = "failed in %s: %s (%s)" % (failure.stage, failure.message, failure.code)
            reporter.say(text) if reporter is not None else sys.stderr.write("longshore: %s\n" % text)
        patience = self._options.grace if isinstance(failure, Stopped) else self._options.outage_patience
        try:
            if reporter is not None:
                reporter.flush(min(patience, 60.0) if failure else patience)
            self._reports.post("status", final_status(failure), patience)
        except JobOver as error:
            # A repeated last word finds the job over: that is what it said.
            done = error.state == "completed" and failure is None
            return 0 if done else 3
        except (Failure, Refused) as error:
            sys.stderr.write("longshore: the end of the job could not be reported: %s\n" % error)
            return 1
        finally:
            if reporter is not None:
                reporter.end()
            self._reports_end.set(Stopped())
            self._tidy()
        return 0 if failure is None else 1

    def _tidy(self):
        if not self._options.keep:
            Paths(self._options.folder).clear()

    def _environment(self, paths, location, records):
        own = {name: value for name, value in os.environ.items() if not name.startswith("LONGSHORE_")}
        own.update({str(name): str(value) for name, value in (self._config.get("env") or {}).items()})
        output = os.path.join(self._options.folder, "output")
        hyperparameters = os.path.join(self._options.folder, "hyperparameters.json")
        with open(hyperparameters, "w", encoding="utf-8") as file:
            json.dump(self._config.get("hyperparameters") or {}, file)
        own.update(
            DATASET_PATH=paths.content, DATASET_GZ_PATH=paths.object, DATASET_KIND=location.get("kind") or "",
            DATASET_EXAMPLES=str(records), JOB_ID=self._work.id, OUTPUT_DIR=output,
            HYPERPARAMETERS_PATH=hyperparameters, PYTHONUNBUFFERED="1",
        )
        if self._options.shard is not None:
            own.update(SHARD_INDEX=str(self._options.shard[0]), SHARD_COUNT=str(self._options.shard[1]))
        return own


def final_status(failure):
    if failure is None:
        return {"state": "completed"}
    if isinstance(failure, Stopped):
        return {"state": "released"}
    error = {"code": code_of(failure.code), "message": failure.message[:4000], "stage": failure.stage}
    if failure.hint:
        error["hint"] = failure.hint[:2000]
    return {"state": "failed", "error": error, "retry": failure.retry}


def command_of(command):
    if isinstance(command, list) and command:
        return [str(part) for part in command]
    if isinstance(command, str) and command.strip():
        return ["/bin/sh", "-c", command]
    hint = "Give it with the job (longshore train --command), or to the worker: training_server.py run -- python train.py"
    raise Failure("command_missing", "Nobody said which command is to be run.", "claim", hint)


def command_failure(code):
    if code >= 0:
        return Failure("command_failed", "The command ended with exit code %d." % code, "train", "See its last lines.")
    hint = "Signal 9 from outside is most often the system running out of memory." if code == -9 else None
    return Failure("command_killed", "The command was ended by signal %d." % -code, "train", hint)


# ---------------------------------------------------------------------------------------------- agent


def agent(url, key, options, stop, once, poll_seconds):
    """Takes and runs one job after another, until it is told to stop. With `once`: returns when none waits."""
    server = Server(url, key, stop, float("inf"))
    worker = worker_name()
    sys.stderr.write("longshore: agent %s waits for jobs of %s\n" % (worker, url))
    while True:
        try:
            taken = server.call("POST", "/api/training/jobs/claim", {"worker": worker})
        except Stopped:
            return 0
        except (JobOver, Refused) as refusal:
            sys.stderr.write("longshore: the server refuses this agent: %s\n" % refusal)
            return 1
        if not taken:
            if once or stop.is_set():
                return 0
            try:
                stop.pause(poll_seconds)
            except Stopped:
                return 0
            continue
        job, environment = taken["job"], taken["environment"]
        sys.stderr.write("longshore: job %s, attempt %s\n" % (job["id"], job["attempt"]))
        # A job that is over ends its own run, and not the agent.
        own = Stop()
        forward = lambda own=own: own.set(Stopped())  # noqa: E731
        stop.on_set(forward)
        if stop.is_set():
            forward()
        code = Run(url, job["id"], environment["LONGSHORE_JOB_TOKEN"], options, own).run(taken)
        stop.off(forward)
        sys.stderr.write("longshore: job %s ended (%d)\n" % (job["id"], code))


# ---------------------------------------------------------------------------------------------- the command line


def number(value, otherwise):
    try:
        return float(value)
    except (TypeError, ValueError):
        return otherwise


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def describe(error):
    return str(error) or type(error).__name__


def code_of(text):
    return re.sub(r"[^a-z0-9_]", "_", str(text).lower())[:100] or "failed"


def worker_name():
    return "%s:%d" % (socket.gethostname(), os.getpid())


def shard_of(text):
    match = re.fullmatch(r"(\d{1,4})/(\d{1,5})", text)
    if match is None or not int(match.group(1)) < int(match.group(2)):
        raise argparse.ArgumentTypeError("i/n, with i from 0 to n-1")
    return int(match.group(1)), int(match.group(2))


def parser():
    top = argparse.ArgumentParser(prog="training_server.py", description="The worker of Longshore's training jobs.")
    modes = top.add_subparsers(dest="mode", required=True)
    run = modes.add_parser("run", help="one job: LONGSHORE_URL, LONGSHORE_JOB_ID, LONGSHORE_JOB_TOKEN")
    run.add_argument("--shard", type=shard_of, help="i/n: this machine is number i of n, and trains on its part")
    polls = modes.add_parser("agent", help="take and run local jobs: LONGSHORE_URL, LONGSHORE_API_KEY")
    polls.add_argument("--once", action="store_true", help="end when no job waits")
    polls.add_argument("--poll-seconds", type=float, default=2.0)
    run.add_argument("--dataset-file", help="the object is here already (a file, or a folder with one .gz): verify it")
    polls.set_defaults(shard=None, dataset_file=None)
    for mode in (run, polls):
        mode.add_argument("--work-dir", help="where datasets and outputs go (default: ./longshore-work)")
        mode.add_argument("--keep", action="store_true", help="leave the dataset's files when the job has ended")
        mode.add_argument("--stall-seconds", type=float, default=30.0, help="silence after which a copy is given up")
        mode.add_argument("--fetch-patience", type=float, default=1800.0, help="seconds without a byte before failing")
        mode.add_argument("--outage-patience", type=float, default=21_600.0, help="seconds the server may be away")
        mode.add_argument("--grace", type=float, default=10.0, help="seconds between SIGTERM and SIGKILL")
        mode.add_argument("--url-seconds", type=int, help="ask for addresses that live so long")
        mode.add_argument("command", nargs="*", help="after --: instead of the job's own command")
    return top


def required(name):
    # Taken out of the environment, so that no child can inherit it by accident.
    value = os.environ.pop(name, "")
    if not value:
        sys.stderr.write("longshore: %s is not set\n" % name)
        raise SystemExit(2)
    return value


def main(argv):
    if argv[:1] == ["guard"]:
        return guard(float(argv[1]), argv[3:])
    given = parser().parse_args(argv)
    stop = Stop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: threading.Thread(target=stop.set, args=(Stopped(),)).start())
    options, url = Options(given), required("LONGSHORE_URL")
    if given.mode == "agent":
        return agent(url, required("LONGSHORE_API_KEY"), options, stop, given.once, given.poll_seconds)
    return Run(url, required("LONGSHORE_JOB_ID"), required("LONGSHORE_JOB_TOKEN"), options, stop).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
