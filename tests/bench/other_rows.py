"""Rows of DICOM associations, and of what people use today."""
import os
import shutil
import subprocess
from collections import Counter

from data import SERIES, below, digests
from measure import RcloneMount, empty, new_directory, timed


class DicomRows:
    """C-GET into the cache, with getscu as the reference, tuned as far as it can be."""

    def __init__(self, bench, name, way, place):
        self.bench, self.name, self.find_place = bench, f"{name}{way}", place

    def measure_near(self):
        for key, target in (("ct300", 0.7), ("tiny2000", 0.02)):
            # getscu waits 40 ms for each instance that is small.
            runs = 1 if key == "tiny2000" else None
            once = " (getscu once)" if runs else ""
            known = []  # for both rows

            def getscu(key=key, runs=runs, known=known):
                if not runs or not known:
                    known.append(self.getscu(SERIES[key]))
                return known[-1]

            for label, listing in (("listed before", False), ("with its listing", True)):
                name = f"{self.name}: C-GET of {key} into the cache, {label}{once}"
                self.bench.compare(name, target, lambda: self.ours(SERIES[key], 2, listing), {"getscu": getscu},
                                   reference_runs=runs)

    def measure_far(self, associations):
        """Against one association: the faster of getscu and our own, which acknowledges at once."""
        series = SERIES["ct300"]
        self.bench.compare(f"{self.name}: C-GET of ct300, {associations} associations against one", 0.3,
                           lambda: self.ours(series, associations, False),
                           {"getscu": lambda: self.getscu(series), "ours with one": lambda: self.ours(series, 1, False)},
                           runs=3, reference_runs=1)

    def ours(self, series, associations, listing):
        place, root = self.find_place(), self.bench.root
        with open(f"{root}/dicom.toml", "w") as f:
            f.write(f"""
[archive.bench]
searcher = {{ type = "dicom-qr", host = "{place.host}", port = {place.dicom}, aec = "{place.aec}" }}
browse = "all"
limits = {{ associations = {associations} }}
""")
        cache, out = new_directory(root, "cache"), self.bench.fresh("copy")
        listed, fetched = subprocess.run(
            [*place.prefix, self.bench.options.fill_cache, f"{root}/dicom.toml", "bench", cache, series.study,
             series.series, out], check=True, capture_output=True, text=True).stdout.split()
        self.bench.check_data_sets(below(out), series)
        empty(cache)
        return float(fetched) + (float(listed) if listing else 0)

    def getscu(self, series):
        place = self.find_place()
        out = self.bench.fresh("raw")
        took = timed([*place.prefix, "getscu", "+B", "-pdu", "131072", "-aec", place.aec, "-S", "-k",
                      "QueryRetrieveLevel=SERIES", "-k", f"StudyInstanceUID={series.study}", "-k",
                      f"SeriesInstanceUID={series.series}", "-od", out, place.host, str(place.dicom)],
                     env={**os.environ, "TCP_NODELAY": "1"}, stderr=subprocess.DEVNULL)
        self.bench.check_data_sets(below(out), series)
        return took


def wrong_files(directory, series):
    """How many of the series' files are not there as they should be."""
    return sum((Counter(digests(series.files)) - Counter(digests(below(directory)))).values())


def rclone_rows(bench, orthanc, http):
    """`orthanc` gives the server, `http` its rows. Only here the reference may bring other bytes, and does: Orthanc's
    WebDAV sends whole files where rclone asks for a part."""
    for key, times in (("ct300", 15), ("tiny2000", 50)):
        name = f"cold cp -r {key}, rclone mount of Orthanc's WebDAV (1/{times})"
        if bench.wanted(name) and not shutil.which("rclone"):
            bench.leave_out(name, "no rclone")
            continue

        def reference(series=SERIES[key]):
            with RcloneMount(orthanc(), bench.root) as mount:
                out = bench.fresh("copied")
                took = timed(["cp", "-r", mount.at(series), f"{out}/x"])
                if wrong := wrong_files(out, series):
                    print(f"rclone: {wrong} of {series.instances} files came with other bytes", flush=True)
            return took

        # rclone takes 20 s and more for the many.
        bench.compare(name, 1 / times, lambda key=key: http.cold_copy(key), {"rclone": reference},
                      reference_runs=2 if key == "tiny2000" else 3)
