"""Rows of HTTP archives: on this machine, and seen from the other end of a long way."""
import json
import os
import random
import subprocess
import time

from data import SERIES, STUDY50, below, listed, many_rows, row
from measure import (Mount, cpu_of, curl, curl_each, curl_instance, curl_series, drop_page_cache, median, series_url,
                     timed)
from servers import wait_for

LONG_WAY = 1.2  # the target over a long way


class HttpRows:
    def __init__(self, bench, name, way, place):
        """`place` gives where the archive is seen from, when it is needed."""
        self.bench, self.name, self.way, self.find_place = bench, f"{name}{way}", way, place

    @property
    def place(self):
        return self.find_place()

    def mount(self):
        return Mount(self.bench.options.program, self.place, self.bench.root)

    def measure(self):
        self.copies()
        self.get()
        self.multiframe()
        self.first_byte()
        if self.name.startswith("Orthanc"):  # nginx has sent all before anybody could open anything else
            self.overtaking()
            self.study()
        self.listing()

    def target(self, near):
        return LONG_WAY if self.way else near

    # The best raw client. Over a long way that may be one with many connections.
    def raw(self, series):
        def whole():
            return timed(curl_series(self.place, series, f"{self.bench.fresh('raw')}/body"))

        def each():
            return timed(curl_each(self.place, series, self.bench.fresh("raw")))

        return {"one request": whole, "32 at a time": each} if self.way else {"one request": whole}

    def cold_copy(self, key, listed_before=False):
        series = SERIES[key]
        with self.mount() as mount:
            if listed_before:
                os.listdir(mount.at(series))
            out = self.bench.fresh("copy")
            took = timed(["cp", "-r", mount.at(series), f"{out}/x"])
            self.bench.check(f"{out}/x", series)
        return took

    def copies(self):
        for key, orthanc, nginx in (("ct300", 1.3, 1.8), ("tiny2000", 2.0, 3.0)):
            series = SERIES[key]

            def and_copy(raw, series=series):
                return raw() + timed(["cp", "-r", series.directory, f"{self.bench.fresh('copied')}/x"])

            references = self.raw(series)
            if not self.way:
                references = {label: lambda raw=raw: and_copy(raw) for label, raw in references.items()}
            target = self.target(orthanc if self.name.startswith("Orthanc") else nginx)
            for label, before in (("listed before", True), ("with its listing", False)):
                self.bench.compare(f"{self.name}: cold cp -r {key}, {label}", target,
                                   lambda before=before: self.cold_copy(key, before), references)

    def get(self):
        for key, target in (("ct300", 1.2), ("tiny2000", 1.6)):
            series = SERIES[key]

            def ours(series=series):
                out = self.bench.fresh("copy")
                took = timed([*self.place.prefix, self.bench.options.program, "get", self.place.url,
                              f"{series.study}/{series.series}", "--output", out])
                self.bench.check_all(below(out), series)
                return took

            self.bench.compare(f"{self.name}: get {key}, with its questions", self.target(target), ours,
                               self.raw(series))

    def multiframe(self):
        series = SERIES["multiframe"]

        def ours():
            with self.mount() as mount:
                name = listed(mount.at(series))[0]
                out = self.bench.fresh("copy")
                took = timed(f"cat {name} > {out}/x", shell=True)
                self.bench.check(out, series)
            return took

        def reference():
            out = self.bench.fresh("raw")
            took = timed(curl_instance(self.place, series, 1, f"{out}/body"))
            return took if self.way else took + timed(f"cat {out}/body > {out}/x", shell=True)

        self.bench.compare(f"{self.name}: cold cat multiframe", 1.2, ours, reference)

    def first_byte(self):
        series = SERIES["ct300"]

        def ours():
            with self.mount() as mount:
                name = listed(mount.at(series))[150]
                took = timed(f"head -c 1000 {name} | cmp - -n 1000 {series.files[150]}", shell=True)
            return took

        self.bench.compare(f"{self.name}: first byte of one instance", self.target(1.3), ours,
                           lambda: timed(curl_instance(self.place, series, 151, "/dev/null")))

    def listing(self):
        series = SERIES["tiny2000"]

        def ours():
            with self.mount() as mount:
                os.stat(mount.at(series))
                return timed(["ls", "-l", mount.at(series)])

        def question(*options):
            return timed(curl(self.place, *options, "-H", "Accept: application/dicom+json", "-o", "/dev/null",
                              f"{series_url(self.place, series)}/instances"))

        references = {"plain": question}
        if self.way:
            references["compressed"] = lambda: question("--compressed")
        self.bench.compare(f"{self.name}: cold ls -l tiny2000", self.target(1.5), ours, references)

    def study(self):
        """Series after series, against all of them in one request. No figure has to be reached."""
        def ours():
            with self.mount() as mount:
                out = self.bench.fresh("copy")
                took = timed(["cp", "-r", f"{mount.path}/studies/{STUDY50[0].study}", f"{out}/x"])
                self.bench.check_study(out, STUDY50)
            return took

        def reference():
            took = timed(curl(self.place, "-o", f"{self.bench.fresh('raw')}/body",
                              f"{self.place.url}/studies/{STUDY50[0].study}"))
            if not self.way:
                took += timed(["cp", "-r", *(series.directory for series in STUDY50), self.bench.fresh("copied")])
            return took

        self.bench.compare(f"{self.name}: cold cp -r of a study of 50 series, with its listings", None, ours, reference)

    def overtaking(self):
        """Somebody opens an instance while another series is copied and fetched ahead; beside the same on an idle
        mount."""
        copied, opened = SERIES["ct300"], SERIES["grow500"]

        # Without the start of programs, which on a busy machine takes longer than the open.
        def first_byte(mount):
            name = listed(mount.at(opened))[250]
            began = time.perf_counter()
            with open(name, "rb", buffering=0) as f:
                got = f.read(1000)
                took = time.perf_counter() - began
            with open(opened.files[250], "rb") as f:
                if got != f.read(1000):
                    raise SystemExit(f"{name} is not what the archive stores")
            return took

        def idle():
            with self.mount() as mount:
                os.listdir(mount.at(opened))
                return first_byte(mount)

        def busy():
            with self.mount() as mount:
                os.listdir(mount.at(opened))
                os.listdir(mount.at(copied))
                out = f"{self.bench.fresh('copy')}/x"
                with subprocess.Popen(["cp", "-r", mount.at(copied), out]) as copy:
                    wait_for(lambda: os.path.isdir(out) and len(os.listdir(out)) > 20, "the copy's first files")
                    took = first_byte(mount)
                    if copy.poll() is not None:
                        raise SystemExit("the copy had ended before the open: this measured something else")
                self.bench.check(out, copied)
                return took

        self.bench.compare(f"{self.name}: first byte during a cp -r of ct300, against idle", 2, busy, idle)

    # What does not depend on the kind of archive is measured with one.

    def random_opens(self):
        name = "bytes fetched at random opens over five series"
        if not self.bench.wanted(name):
            return
        dice = random.Random(1)
        chosen = [(series, index) for series in (SERIES[key] for key in ("ct300", "tiny2000", "grow500", "grow1000",
                                                                         "grow4000"))
                  for index in dice.sample(range(series.instances), 6)]
        dice.shuffle(chosen)
        with self.mount() as mount:
            read = 0
            for series, index in chosen:
                with open(listed(mount.at(series))[index], "rb") as f, open(series.files[index], "rb") as stored:
                    content = f.read()
                    if content != stored.read():
                        raise SystemExit(f"other bytes came than {series.files[index]}")
                    read += len(content)
            time.sleep(2)  # what was begun ends
            self.bench.add(name, 1.1, mount.transfers()["bytes"] / 1e6, read / 1e6, "MB")

    def warm_listing(self):
        series = SERIES["tiny2000"]
        name = "warm ls -l tiny2000"
        if self.bench.wanted(name):
            with self.mount() as mount:
                timed(["ls", "-l", mount.at(series)])
                self.bench.compare(name, 3, lambda: timed(["ls", "-l", mount.at(series)]),
                                   lambda: timed(["ls", "-l", series.directory]))

    def warm(self):
        series = SERIES["ct300"]
        names = ("second cp -r ct300", "second cat ct300", "second cp -r ct300, page cache dropped")
        if not any(self.bench.wanted(name) for name in names):
            return
        with self.mount() as mount:
            at = mount.at(series)
            timed(["cp", "-r", at, f"{self.bench.fresh('copy')}/x"])

            def copy(source, drop=False):
                if drop:
                    drop_page_cache()
                out = self.bench.fresh("second")
                took = timed(["cp", "-r", source, f"{out}/x"])
                self.bench.check(f"{out}/x", series)
                return took

            def cat(source):
                return timed(f"cat {source}/* > /dev/null", shell=True)

            self.bench.compare(names[0], 1.5, lambda: copy(at), lambda: copy(series.directory))
            self.bench.compare(names[1], 1.2, lambda: cat(at), lambda: cat(series.directory))
            if drop_page_cache():
                self.bench.compare(names[2], 1.5, lambda: copy(at, True), lambda: copy(series.directory, True))
            else:
                self.bench.leave_out(names[2], "only root may drop the page cache")

    def resources(self):
        series = SERIES["ct300"]

        def ours():
            with self.mount() as mount:
                os.listdir(mount.at(series))
                before = mount.cpu()
                timed(["cp", "-r", mount.at(series), f"{self.bench.fresh('copy')}/x"])
                return mount.cpu() - before

        self.bench.compare(f"{self.name}: CPU of a cold cp -r ct300", 3, ours,
                           lambda: cpu_of(curl_series(self.place, series, f"{self.bench.fresh('raw')}/body")))
        name = "memory above idle, cold multiframe (60 MB)"
        if self.bench.wanted(name):
            with self.mount() as mount:
                timed(f"cat {mount.at(SERIES['multiframe'])}/* > /dev/null", shell=True)
                self.bench.add(name, 1, (mount.memory("VmHWM") - mount.idle) / 1e6, 60, "MB")

    def growth(self):
        names = {size: f"{self.name}: growth of cold cp -r, {size // 2} to {size}" for size in (1000, 2000, 4000)}
        took = {}

        def measured(size):
            if size not in took:
                took[size] = median([self.cold_copy(f"grow{size}") for _ in range(self.bench.options.runs)])
            return took[size]

        for size, name in names.items():
            if self.bench.wanted(name):
                self.bench.add(name, 2.2, measured(size), measured(size // 2), "s")

    def big_listing(self, static):
        """The questions' answers are files, so that they can be as long as we like."""
        compared = {size: f"listing of {size} against {size // 2}" for size in (2000, 50000, 100000)}
        of_memory = "memory of a listed instance (500 bytes)"
        if not any(self.bench.wanted(name) for name in (*compared.values(), of_memory)):
            return
        sizes = (1000, 2000, 25000, 50000, 100000)
        took, memory = {}, {}
        place = self.place
        with open(f"{static.root}/studies.json", encoding="utf-8") as f:
            studies = [study for study in json.load(f) if study["0020000D"]["Value"] != ["1.9"]]
        static.write("studies.json", json.dumps(studies + [row()]).encode())
        for size in sizes:
            static.write(f"studies/1.9/series/1.9.{size}/instances.json", many_rows(size))
        static.write("studies/1.9/series.json", json.dumps([row(series=f"1.9.{size}") for size in sizes]).encode())
        for size in sizes:
            values = []
            for _ in range(min(3, self.bench.options.runs)):
                with Mount(self.bench.options.program, place, self.bench.root) as mount:
                    values.append(timed(["ls", "-l", f"{mount.path}/studies/1.9/1.9.{size}"]))
                    memory[size] = mount.memory("VmHWM") - mount.idle
            took[size] = median(values)
        for size, name in compared.items():
            if self.bench.wanted(name):
                self.bench.add(name, 2.2, took[size], took[size // 2], "s")
        if self.bench.wanted(of_memory):
            self.bench.add(of_memory, 1, memory[100000] / 100000, 500, "B")
