"""Streams the output of Zuul's tasks from all containers of this hypervisor.

Zuul's executor connects to port 19885 of a node and asks for the log of a task by its id. Containers share the network
of their hypervisor, so one service answers for all of them: it looks for console-<id>.log in every container's
directory for such logs.

    zuul-console.py BASE PORT

It first binds the port, then goes to the background and prints the pid of the process that serves; exit code 1 and a
reason when it cannot. Lines that it understands, as of the executor's versions up to now:

    v:<version>   answers with its own version, 1
    s:<id>        streams the log until the connection is closed
    f:<id>        removes the log
    <id>          the same as s:, from executors before version 6.3

It runs as root, because nobody else can look into all containers, so it trusts nothing that a job can write: it opens
regular files only, follows no links, and serves nothing that belongs to root.
"""
import os
import re
import selectors
import signal
import socket
import stat
import sys
import threading
import time

VERSION = b"1\n"
NOT_FOUND = b"[Zuul] Log not found\n"
LONGEST_REQUEST = 1024
REQUEST_SECONDS = 10
CONNECTIONS = 500
# A job that lasts longer than this is not being watched any more.
STREAM_SECONDS = 86400
SEND_SECONDS = 60
PAUSE_SECONDS = 0.1
# So often it looks whether there is anything left to serve.
LOOK_AROUND_SECONDS = 30
LOG_DIRECTORIES = ("tmp", "console")
LOG_ID = re.compile(r"[^/\0\n]{1,200}")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LOG_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Gone(Exception):
    """The executor has closed its side, or asks for something that we do not do."""


def main(base, port):
    try:
        listener = listen(port)
    except OSError as error:
        print("port %d: %s; is another zuul_console running?" % (port, error.strerror))
        return 1
    if go_to_background():
        return 0
    places = threading.BoundedSemaphore(CONNECTIONS)
    listener.settimeout(LOOK_AROUND_SECONDS)
    while os.path.isdir(base):
        try:
            connection, _ = listener.accept()
        except socket.timeout:
            continue
        if not places.acquire(blocking=False):
            connection.close()
            continue
        threading.Thread(target=serve, args=(connection, base, places), daemon=True).start()
    return 0


def listen(port):
    """IPv6 and IPv4 in one socket where the kernel has both, as Zuul's own service does."""
    try:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        address = "::"
    except OSError:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        address = "0.0.0.0"
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener


def go_to_background():
    """True in the process that was started, False in the one that serves."""
    reader, writer = os.pipe()
    if os.fork() > 0:
        os.close(writer)
        sys.stdout.write(os.read(reader, 32).decode())
        sys.stdout.flush()
        return True
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.write(writer, b"%d\n" % os.getpid())
    os.close(writer)
    os.close(reader)
    return False


def serve(connection, base, places):
    try:
        connection.settimeout(SEND_SECONDS)
        stream(connection, base, read_request(connection, base))
    except (Gone, OSError):
        pass
    finally:
        connection.close()
        places.release()


def read_request(connection, base):
    """The id of the log to stream; answers the other requests that come before it."""
    waiting = b""
    end = time.monotonic() + REQUEST_SECONDS
    while True:
        while b"\n" not in waiting:
            left = end - time.monotonic()
            if left <= 0 or len(waiting) >= LONGEST_REQUEST:
                raise Gone()
            connection.settimeout(left)
            received = connection.recv(LONGEST_REQUEST)
            if not received:
                raise Gone()
            waiting += received
        line, waiting = waiting.split(b"\n", 1)
        request = line.decode("utf-8", "replace").strip()
        connection.settimeout(SEND_SECONDS)
        if request.startswith("v:"):
            connection.sendall(VERSION)
        elif request.startswith("f:"):
            remove(base, request[2:])
        elif request.startswith("s:"):
            return request[2:]
        elif request:
            return request


def stream(connection, base, log_id):
    """Sends the log as it grows; begins again when it is replaced, as a repeated task does."""
    end = time.monotonic() + STREAM_SECONDS
    while time.monotonic() < end:
        log = open_log(base, log_id)
        if log is None:
            connection.sendall(NOT_FOUND)
            wait(connection, 0.5)
            continue
        with log:
            follow(connection, log, end)


def follow(connection, log, end):
    sent = 0
    while time.monotonic() < end:
        chunk = log.read(65536)
        if chunk:
            connection.sendall(chunk)
            sent += len(chunk)
            continue
        wait(connection, PAUSE_SECONDS)
        state = os.fstat(log.fileno())
        if state.st_nlink == 0 or state.st_size < sent:
            return


def wait(connection, seconds):
    """Waits, and notices when the executor has gone; whatever else it says is not for us."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if selector.select(seconds):
            if not connection.recv(1024):
                raise Gone()
            time.sleep(seconds)


def open_log(base, log_id):
    for directory, name in places_of(base, log_id):
        try:
            descriptor = os.open(name, LOG_FILE, dir_fd=directory)
        except OSError:
            continue
        finally:
            os.close(directory)
        state = os.fstat(descriptor)
        if stat.S_ISREG(state.st_mode) and state.st_uid != 0 and state.st_nlink == 1:
            return os.fdopen(descriptor, "rb", buffering=0)
        os.close(descriptor)
    return None


def remove(base, log_id):
    for directory, name in places_of(base, log_id):
        try:
            os.unlink(name, dir_fd=directory)
        except OSError:
            pass
        finally:
            os.close(directory)


def places_of(base, log_id):
    """Every directory that may hold the log, opened; the caller closes them one by one."""
    if not LOG_ID.fullmatch(log_id):
        return
    name = "console-%s.log" % log_id
    for container in sorted(os.listdir(base)):
        if container.startswith("."):
            continue
        for directory in LOG_DIRECTORIES:
            try:
                opened = os.open(os.path.join(base, container, directory), DIRECTORY)
            except OSError:
                continue
            yield opened, name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
