"""What is measured with: synthetic series, the same in each archive."""
import hashlib
import json
import os
import subprocess

SERIES = {}


class Series:
    """The `index`th of study `number`."""

    def __init__(self, key, number, instances, rows, frames=1, index=1):
        self.key, self.number, self.instances, self.rows, self.frames = key, number, instances, rows, frames
        self.index = index

    def make(self, program, root):
        directory = f"{root}/data/{self.key}"
        self.study, self.series = subprocess.run(
            [program, directory, str(self.number), str(self.instances), str(self.rows), str(self.rows),
             str(self.frames), str(self.index)], check=True, capture_output=True, text=True).stdout.split()
        self.files = listed(directory)
        self.directory = directory
        self.digest = digest(self.files)

    def uid(self, number):
        return f"{self.series}.{number}"


for s in (Series("ct300", 1, 300, 512), Series("tiny2000", 2, 2000, 48), Series("multiframe", 3, 1, 724, 200),
          Series("grow500", 4, 500, 48), Series("grow1000", 5, 1000, 48), Series("grow4000", 6, 4000, 48)):
    SERIES[s.key] = s
SERIES["grow2000"] = SERIES["tiny2000"]
STUDY50 = [Series(f"study50.{i:02}", 7, 20, 256, index=i) for i in range(1, 51)]  # only Orthanc has it


def make_all(program, root):
    for series in all_series() + STUDY50:
        series.make(program, root)


def all_series():
    return list(dict.fromkeys(SERIES.values()))


def listed(directory):
    return [f"{directory}/{name}" for name in sorted(os.listdir(directory))]


def below(directory):
    return [f"{path}/{name}" for path, _, names in os.walk(directory) for name in names]


def digest(files):
    """Of files in this order."""
    total = hashlib.sha256()
    for name in files:
        with open(name, "rb") as f:
            while piece := f.read(1 << 20):
                total.update(piece)
    return total.hexdigest()


def digests(files, begin=lambda f: 0):
    """SHA-256 of each, in an order that does not depend on their names. `begin` tells where to begin in a file."""
    found = []
    for name in files:
        one = hashlib.sha256()
        with open(name, "rb") as f:
            f.seek(begin(f))
            while piece := f.read(1 << 20):
                one.update(piece)
        found.append(one.hexdigest())
    return sorted(found)


def data_set(f):
    """Where the data set of a Part-10 file begins: what DICOM associations carry; each receiver writes its own header."""
    f.seek(128)
    head = f.read(16)
    if head[:4] != b"DICM" or head[4:12] != b"\x02\x00\x00\x00UL\x04\x00":
        raise SystemExit("a file that came has no File Meta Information")
    return 144 + int.from_bytes(head[12:16], "little")


def row(**uids):
    values = {"00080005": ("CS", "ISO_IR 192"), "0020000D": ("UI", "1.9"), "00100020": ("LO", "BENCH")}
    if "series" in uids:
        values["0020000E"] = ("UI", uids["series"])
        values["00080060"] = ("CS", "CT")
    if "instance" in uids:
        values |= {"00080018": ("UI", uids["instance"]), "00080016": ("UI", "1.2.840.10008.5.1.4.1.1.2"),
                   "00200013": ("IS", uids["number"]), "00280010": ("US", 64), "00280011": ("US", 64)}
    return {tag: {"vr": vr, "Value": [value]} for tag, (vr, value) in values.items()}


def many_rows(count):
    series = f"1.9.{count}"
    return json.dumps([row(series=series, instance=f"{series}.{i}", number=i) for i in range(1, count + 1)]).encode()
