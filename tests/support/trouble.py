"""What a device goes through in a year, in an hour: a disk that is full now and then, and a clock that jumps.

By hand, as root: the disk is a file system in memory, the clock a library before the C library's.
"""

from __future__ import annotations

import contextlib
import os
import random
import struct
import subprocess
from pathlib import Path

_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
static long long seconds(void) { /* that the wall clock is off by */
    static const volatile long long *at;
    if (at == NULL) {
        int place = open(getenv("CLOCK_IS_OFF_BY"), O_RDONLY | O_CLOEXEC);
        if (place < 0)
            abort();
        at = mmap(NULL, sizeof *at, PROT_READ, MAP_SHARED, place, 0);
        close(place);
    }
    return *at;
}
int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*own)(clockid_t, struct timespec *);
    if (own == NULL)
        own = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = own(id, now);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += seconds();
    return failed;
}
time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told != NULL)
        *told = now.tv_sec;
    return now.tv_sec;
}
"""


class Trouble:
    """Within `with`, programs that are started see this clock; `disk` is a folder with little room."""

    def __init__(self, folder: Path) -> None:
        self.disk, self._clock, self._library = folder / "disk", folder / "clock", folder / "clock.so"
        self.jumps = self.fills = 0
        self.disk.mkdir()
        self._set(0)

    def __enter__(self):
        compiler = ["cc", "-O1", "-shared", "-fPIC", "-x", "c", "-", "-o", str(self._library), "-ldl"]
        subprocess.run(compiler, input=_CLOCK.encode(), check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", self.disk], check=True)
        os.environ.update(LD_PRELOAD=str(self._library), CLOCK_IS_OFF_BY=str(self._clock))
        return self

    def __exit__(self, *_):
        for name in ("LD_PRELOAD", "CLOCK_IS_OFF_BY"):
            del os.environ[name]
        subprocess.run(["umount", "-l", self.disk], check=True)

    def stir(self):
        """The clock jumps, by years or by minutes, or the disk is full, or it has room again; or nothing."""
        if random.random() < 0.3:
            self.jumps += 1
            self._set(random.choice([0, random.randint(-(10**8), 10**8), random.randint(-5000, 5000)]))
        if random.random() < 0.3:
            self.fill()
        elif random.random() < 0.5:
            self.empty()

    def fill(self):
        self.fills += 1
        with contextlib.suppress(OSError), (self.disk / "filler").open("ab", buffering=0) as file:
            while True:
                file.write(bytes(random.choice([4096, 1000])))

    def empty(self):
        (self.disk / "filler").unlink(missing_ok=True)

    def _set(self, seconds):
        """In place: it is mapped."""
        with self._clock.open("r+b" if self._clock.exists() else "wb") as file:
            file.write(struct.pack("<q", seconds))

    def words(self):
        return f"{self.jumps} jumps of the clock, {self.fills} times a full disk"
