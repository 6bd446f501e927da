#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a shell with job control does to `pando run` on a terminal: stops it, resets the terminal, lets it go on, starts it
in the background.  Usage: tests/e2e/console_tty.py PANDO COUNT_GUEST   Prints PASS or FAIL lines."""
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

PANDO, GUEST = sys.argv[1:3]
bad = 0


def verdict(name, good, why):
    global bad
    print(f'PASS console.{name}' if good else f'FAIL console.{name}: {why}', flush=True)
    bad |= not good


class Terminal:
    """A terminal whose session leader is this process; what a job writes to it is in said."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.cooked = termios.tcgetattr(self.slave)
        self.said = b''

    def job(self, name, foreground):
        """A job as a shell starts it: a process group of its own."""
        def set_up():
            os.setpgid(0, 0)
            if foreground:
                signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                os.tcsetpgrp(0, os.getpid())
                signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        return subprocess.Popen([PANDO, 'run', '--local', '1', '--memory', '16M', '--kernel', GUEST, '--name', name],
                                stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=set_up)

    def until(self, done, seconds=30):
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.said += os.read(self.master, 65536)
        return done()

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO)

    def foreground(self, pgrp):
        os.tcsetpgrp(self.slave, pgrp)

    def type(self, text):
        os.write(self.master, text)


def state(pid):
    """Its letter in /proc: T while it is stopped."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        return f.read().rsplit(')', 1)[1].split()[0]


def stopped_and_continued(t):
    job = t.job('fore', True)
    verdict('tty_is_raw', t.until(lambda: b'ready' in t.said and t.raw()), t.said)
    os.kill(job.pid, signal.SIGSTOP)
    t.until(lambda: state(job.pid) == 'T')
    t.foreground(os.getpgrp())
    termios.tcsetattr(t.slave, termios.TCSANOW, t.cooked)
    t.foreground(job.pid)
    os.kill(job.pid, signal.SIGCONT)
    verdict('tty_is_raw_again_after_sigcont', t.until(t.raw), 'it stays cooked')
    t.type(b'abcq')
    verdict('tty_keys_arrive', t.until(lambda: b'00000004' in t.said), t.said)
    verdict('tty_ends', t.until(lambda: job.poll() is not None) and job.returncode == 0, job.returncode)
    verdict('tty_is_restored', not t.raw(), 'it stays raw')
    t.foreground(os.getpgrp())


def in_the_background(t):
    t.said = b''
    t.foreground(os.getpgrp())
    job = t.job('back', False)
    verdict('background_runs', t.until(lambda: b'ready' in t.said or state(job.pid) == 'T') and state(job.pid) != 'T',
            f'state {state(job.pid)}')
    verdict('background_is_said', t.until(lambda: b'in the background' in t.said), t.said)
    t.type(b'xx\n')  # for whoever is in the foreground
    verdict('background_leaves_the_terminal', not t.raw() and state(job.pid) != 'T', f'state {state(job.pid)}')
    termios.tcflush(t.slave, termios.TCIFLUSH)
    t.foreground(job.pid)
    verdict('brought_to_the_foreground', t.until(t.raw), 'it is not raw')
    t.type(b'abq')
    verdict('foreground_keys_arrive', t.until(lambda: b'00000003' in t.said), t.said)
    verdict('background_ends', t.until(lambda: job.poll() is not None) and job.returncode == 0, job.returncode)


def interrupted(t):
    t.said = b''
    job = t.job('ctrlc', True)
    t.until(lambda: b'ready' in t.said)
    t.type(b'\x03')
    verdict('ctrl_c_ends_it', t.until(lambda: job.poll() is not None) and job.returncode == 130, job.returncode)


def main():
    if os.getpid() != os.getsid(0):  # a session of its own, whose terminal this is
        os.execvp('setsid', ['setsid', '--wait', sys.executable, *sys.argv])
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    t = Terminal()
    import fcntl
    fcntl.ioctl(t.slave, termios.TIOCSCTTY, 0)
    stopped_and_continued(t)
    in_the_background(t)
    interrupted(t)
    sys.exit(bad)


main()
