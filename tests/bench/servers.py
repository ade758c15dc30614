"""Archives for the benchmarks, on free ports: Orthanc, nginx serving the same answers as files, DCMTK's dcmqrscp; and a
long way to them."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

BOUNDARY = "trolleyfs-bench"
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ONE_WAY = 10  # milliseconds, of the link
FAR = f" at {2 * ONE_WAY} ms"  # in the names of rows
FIELDS = "StudyDescription,StudyDate,StudyTime,TimezoneOffsetFromUTC"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process that ends with the benchmark. Also the place that it is seen from: this machine."""
    prefix = ()  # of commands that are to run in this place

    def __init__(self, name, command, port, log, dicom=None, aec=None, environment=None):
        self.name, self.port, self.dicom, self.aec = name, port, dicom, aec
        self.host = "127.0.0.1"
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/dicom-web"
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True,
                                        env=environment)
        wait_for(lambda: answers(port) or self.process.poll() is not None, f"{name}'s start")
        if self.process.poll() is not None:
            raise SystemExit(f"{name} ended; see {log.name}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Far:
    """A server, seen from the other end of the link."""

    def __init__(self, server, link):
        self.name, self.port, self.dicom, self.aec = server.name, server.port, server.dicom, server.aec
        self.prefix = link.prefix
        self.host = link.host
        self.root = f"http://{link.host}:{server.port}"
        self.url = f"{self.root}/dicom-web"


class Link:
    """A network namespace behind a long way. Only root can make one."""

    def __init__(self, program, root):
        self.host, far = (f"198.18.{os.getpid() % 250}.{end}" for end in (1, 2))  # RFC 2544: for benchmarks
        self.process = subprocess.Popen([program, str(ONE_WAY), self.host, far], stdout=subprocess.PIPE,
                                        stderr=open(f"{root}/link.log", "w"))
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit(f"no link; see {root}/link.log")
        self.prefix = ("nsenter", f"--net=/proc/{self.process.pid}/ns/net")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def start_orthanc(root, far):
    port, dicom = free_port(), free_port()
    plugin = next((p for p in ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins") if os.path.isdir(p)), "")
    config = {
        "Name": "bench", "StorageDirectory": f"{root}/orthanc", "IndexDirectory": f"{root}/orthanc",
        "Plugins": [p for p in (f"{plugin}/libOrthancDicomWeb.so",) if os.path.exists(p)] or [plugin],
        "HttpPort": port, "DicomPort": dicom, "AuthenticationEnabled": False, "RemoteAccessAllowed": far,
        "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True, "WebDavEnabled": True, "DefaultEncoding": "Utf8",
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Host": f"127.0.0.1:{port}"},
    }
    os.makedirs(f"{root}/orthanc", exist_ok=True)
    with open(f"{root}/orthanc.json", "w") as f:
        json.dump(config, f)
    return Server("Orthanc", ["Orthanc", f"{root}/orthanc.json"], port, open(f"{root}/orthanc.log", "w"),
                  dicom, "ORTHANC")


def upload(server, files):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for path in files:
        with open(path, "rb") as f:
            connection.request("POST", "/instances", f.read(), {"Content-Type": "application/dicom"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"Orthanc refused {path}: HTTP {answer.status}")


def fetch(url, accept="application/dicom+json"):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept})) as answer:
        return answer.read()


def part(content):
    return (f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\nContent-Length: {len(content)}\r\n\r\n".encode() +
            content + b"\r\n")


END = f"--{BOUNDARY}--\r\n".encode()


class Static:
    """What nginx serves: questions as PATH.json (whatever their parameters), instances as PATH.part."""

    def __init__(self, root):
        self.root = f"{root}/static/dicom-web"
        os.makedirs(self.root, exist_ok=True)

    def write(self, path, content):
        path = f"{self.root}/{path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)

    def copy_questions(self, server, series):
        fields = "&".join(f"includefield={field}" for field in FIELDS.split(","))
        self.write("studies.json", fetch(f"{server.url}/studies?{fields}"))
        for s in series:
            self.write(f"studies/{s.study}/series.json", fetch(f"{server.url}/studies/{s.study}/series"))
            path = f"studies/{s.study}/series/{s.series}"
            self.write(f"{path}/instances.json", fetch(f"{server.url}/{path}/instances"))

    def write_series(self, s):
        path = f"studies/{s.study}/series/{s.series}"
        whole = b""
        parts = []
        for number, name in enumerate(s.files, 1):
            with open(name, "rb") as f:
                content = part(f.read())
            self.write(f"{path}/instances/{s.series}.{number}.part", content + END)
            parts.append(content)
        whole = b"".join(parts) + END
        self.write(f"{path}.part", whole)


def start_nginx(root, address):
    port = free_port()
    listen = " ".join(f"listen {a}:{port};" for a in ("127.0.0.1", address) if a)
    os.makedirs(f"{root}/nginx", exist_ok=True)
    with open(f"{root}/nginx.conf", "w") as f:
        f.write(f"""
worker_processes 2; daemon off; pid {root}/nginx/pid; error_log {root}/nginx/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_timeout 60s; keepalive_requests 1000000;
  client_body_temp_path {root}/nginx; proxy_temp_path {root}/nginx; fastcgi_temp_path {root}/nginx;
  uwsgi_temp_path {root}/nginx; scgi_temp_path {root}/nginx;
  types {{ application/dicom+json json; 'multipart/related; type="application/dicom"; boundary={BOUNDARY}' part; }}
  server {{ {listen} root {root}/static; location / {{ try_files $uri.json $uri.part =404; }} }}
}}
""")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    os.chmod(root, 0o755)  # nginx's workers may be another user
    return Server("nginx", [nginx, "-c", f"{root}/nginx.conf", "-e", f"{root}/nginx/error.log"], port,
                  open(f"{root}/nginx.log", "w"))


def start_dcmqrscp(root, series):
    """With what Debian's own configuration says where that matters. It learns its files once."""
    area = f"{root}/dcmqrscp"
    if not os.path.exists(f"{root}/indexed"):
        shutil.rmtree(area, ignore_errors=True)
        os.makedirs(area)
        files = []
        for one in series:
            for name in one.files:
                files.append(f"{area}/{one.key}-{os.path.basename(name)}")
                shutil.copyfile(name, files[-1])
        for begin in range(0, len(files), 500):
            subprocess.run(["dcmqridx", "-n", area, *files[begin:begin + 500]], check=True)
        open(f"{root}/indexed", "w").close()
    port = free_port()
    with open(f"{root}/dcmqrscp.cfg", "w") as f:
        f.write(f"""
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
BENCH {area} R (500, 1024mb) ANY
AETable END
""")
    environment = {key: value for key, value in os.environ.items() if key != "TCP_NODELAY"}
    return Server("dcmqrscp", ["dcmqrscp", "-c", f"{root}/dcmqrscp.cfg"], port, open(f"{root}/dcmqrscp.log", "w"),
                  port, "BENCH", environment)
