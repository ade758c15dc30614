"""Mounts, times and compares."""
import json
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
    """The program, with an empty cache, for as long as the block lasts. `place` is where the archive is seen from."""

    def __init__(self, program, place, root):
        self.program, self.place, self.root = program, place, root
        self.path = f"{root}/mnt"

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        self.cache = new_directory(self.root, "cache")
        self.process = subprocess.Popen([*self.place.prefix, self.program, "mount", "-f", "--cache-dir", self.cache,
                                         self.place.url, self.path],
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
        end(self.process)
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

    def transfers(self):
        with open(f"{self.path}/.trolleyfs/status.json") as f:
            return json.load(f)["transfers"]

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


class RcloneMount:
    """Debian's rclone on Orthanc's WebDAV, with an empty cache, for as long as the block lasts."""

    def __init__(self, server, root):
        self.server, self.root = server, root
        self.path = f"{root}/rclone"

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        self.cache = new_directory(self.root, "cache")
        with open(f"{self.root}/rclone.conf", "w") as f:
            f.write(f"[bench]\ntype = webdav\nurl = {self.server.root}/webdav/\nvendor = other\n")
        self.process = subprocess.Popen(
            ["rclone", "--config", f"{self.root}/rclone.conf", "mount", "bench:", self.path, "--read-only",
             "--vfs-cache-mode", "full", "--cache-dir", self.cache], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(f"{self.root}/rclone.log", "a"))
        wait_for(lambda: os.path.ismount(self.path) or self.process.poll() is not None, "rclone's mount")
        if self.process.poll() is not None:
            raise SystemExit(f"rclone's mount failed; see {self.root}/rclone.log")
        return self

    def __exit__(self, *_):
        subprocess.run(["fusermount3", "-uz", self.path], check=False, stderr=subprocess.DEVNULL)
        end(self.process)
        empty(self.cache)

    def at(self, series):
        return f"{self.path}/by-uids/{series.study}/{series.series}"


def end(process):
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def timed(command, **options):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.perf_counter() - start


def cpu_of(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def curl(place, *arguments):
    return [*place.prefix, "curl", "-sf", "-H", f"Accept: {ACCEPT}", *arguments]


def series_url(place, series):
    return f"{place.url}/studies/{series.study}/series/{series.series}"


def curl_series(place, series, out):
    return curl(place, "-o", out, series_url(place, series))


def curl_instance(place, series, number, out):
    return curl(place, "-o", out, f"{series_url(place, series)}/instances/{series.uid(number)}")


def curl_each(place, series, out):
    """All instances of the series, 32 at a time."""
    with open(f"{out}/list", "w") as f:
        for number in range(1, series.instances + 1):
            f.write(f'url = "{series_url(place, series)}/instances/{series.uid(number)}"\noutput = "{out}/{number}"\n')
    return curl(place, "--no-progress-meter", "-Z", "--parallel-max", "32", "-K", f"{out}/list")


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
