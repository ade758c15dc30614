"""Mounts, times and compares."""
import hashlib
import os
import resource
import statistics
import subprocess
import tempfile
import time

from servers import ACCEPT, wait_for


def new_directory(root, name):
    return tempfile.mkdtemp(prefix=f"{name}.", dir=root)


def empty(directory):
    """Gives the space back. The files stay: for minutes after thousands were deleted, ext4 searches long for an inode
    that it may use, and whatever is measured then is slow."""
    for path, _, names in os.walk(directory):
        for name in names:
            os.truncate(f"{path}/{name}", 0)


class Mount:
    """The program, with an empty cache, for as long as the block lasts."""

    def __init__(self, program, url, root):
        self.program, self.url, self.root = program, url, root
        self.path = f"{root}/mnt"

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        self.cache = new_directory(self.root, "cache")
        self.process = subprocess.Popen([self.program, "mount", "-f", "--cache-dir", self.cache, self.url, self.path],
                                        stdout=subprocess.DEVNULL, stderr=open(f"{self.root}/mount.log", "a"))
        wait_for(lambda: os.path.ismount(self.path) or self.process.poll() is not None, "the mount")
        if self.process.poll() is not None:
            raise SystemExit(f"the mount failed; see {self.root}/mount.log")
        wait_for(lambda: os.listdir(self.path), "the mount's first listing")
        self.idle = self.memory("VmRSS")
        return self

    def __exit__(self, *_):
        subprocess.run([self.program, "umount", self.path], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        empty(self.cache)

    def at(self, series):
        return f"{self.path}/studies/{series.study}/{series.series}"

    def pids(self):
        """The program itself and what it started (it watches over a child that does the work)."""
        found = [self.process.pid]
        for pid in found:
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as f:
                    found += [int(p) for p in f.read().split()]
            except OSError:
                pass
        return found

    def memory(self, field):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as f:
                total += next(int(line.split()[1]) * 1024 for line in f if line.startswith(field))
        return total

    def cpu(self):
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def timed(command, **options):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.perf_counter() - start


def cpu_of(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def curl_series(url, series, out):
    return ["curl", "-sf", "-H", f"Accept: {ACCEPT}", "-o", out, f"{url}/studies/{series.study}/series/{series.series}"]


def curl_instance(url, series, number, out):
    return ["curl", "-sf", "-H", f"Accept: {ACCEPT}", "-o", out,
            f"{url}/studies/{series.study}/series/{series.series}/instances/{series.series}.{number}"]


def digest(files):
    total = hashlib.sha256()
    for name in files:
        with open(name, "rb") as f:
            while piece := f.read(1 << 20):
                total.update(piece)
    return total.hexdigest()


def listed(directory):
    return [f"{directory}/{name}" for name in sorted(os.listdir(directory))]


def drop_page_cache():
    """Gives False where we may not."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")
        return True
    except OSError:
        return False


def median(values):
    return statistics.median(values)
