"""Runs a command on a terminal of its own and talks to it: boot_session.py STEP... -- COMMAND...

A step is "?TEXT" (wait for it, 30 seconds), "!TEXT" (type it and Enter), "]" (Ctrl-] three times) or
"kill" (SIGTERM to the command).  Prints what came; exits with the command's status.
"""
import os
import pty
import select
import signal
import struct
import fcntl
import sys
import termios
import time

at = sys.argv.index("--")
steps, command = sys.argv[1:at], sys.argv[at + 1:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
seen = b""


def read(timeout):
    global seen
    if select.select([terminal], [], [], timeout)[0]:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            return False
        seen += data
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return bool(data)
    return True


def type_line(text):
    """A shell that is about to edit its line throws away what was typed before: until it echoes."""
    for _ in range(10):
        before = len(seen)
        os.write(terminal, b"\x15" + text)
        end = time.time() + 3
        while time.time() < end and text[:6] not in seen[before:]:
            read(0.2)
        if text[:6] in seen[before:]:
            break
    os.write(terminal, b"\n")


for step in steps:
    if step == "]":
        os.write(terminal, b"\x1d\x1d\x1d")
    elif step == "kill":
        os.kill(child, signal.SIGTERM)
    elif step[0] == "!":
        type_line(step[1:].encode())
    else:
        end = time.time() + 30
        while step[1:].encode() not in seen:
            if time.time() > end or not read(0.2):
                print("\nnever came: " + step[1:])
                os.kill(child, signal.SIGKILL)
                sys.exit(99)
        seen = seen[seen.index(step[1:].encode()) + len(step) - 1:]
while True:
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        sys.exit(os.waitstatus_to_exitcode(status) % 256)
    read(0.1)
