#include "support/orthanc.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/text.h"
#include "support/sockets.h"

namespace trolley {
namespace {

constexpr char kPlugin[] = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

httplib::Client ClientOf(int port, const OrthancOptions& options) {
  httplib::Client client("127.0.0.1", port);
  client.set_connection_timeout(5);
  client.set_read_timeout(120);
  client.set_write_timeout(120);
  if (!options.users.empty()) {
    client.set_basic_auth(options.users.begin()->first, options.users.begin()->second);
  }
  return client;
}

// Orthanc never changes a file that it stores, only its index: the files can be shared by hard links.
void CopyContent(const std::filesystem::path& from, const std::filesystem::path& to) {
  const RunResult linked = RunProgram({"cp", "-rl", from.string(), to.string()});
  if (linked.exit_code != 0) {  // another file system
    std::filesystem::remove_all(to);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
    return;
  }
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    if (entry.is_regular_file()) {
      std::filesystem::remove(to / entry.path().filename());
      std::filesystem::copy_file(entry.path(), to / entry.path().filename());
    }
  }
}

}  // namespace

bool OrthancServer::Installed() {
  return HasProgram("Orthanc") && std::filesystem::exists(kPlugin);
}

OrthancServer::OrthancServer(OrthancOptions options) : options_(std::move(options)) {
  if (!options_.content.empty()) {
    CopyContent(options_.content, directory_ / "storage");
  }
  constexpr int kAttempts = 5;  // somebody else may take a free port before Orthanc does
  for (int attempt = 1;; ++attempt) {
    http_port_ = FreePort();
    dicom_port_ = FreePort();
    try {
      Start();
      return;
    } catch (const std::runtime_error&) {
      if (attempt == kAttempts) {
        throw;
      }
    }
  }
}

OrthancServer::~OrthancServer() = default;

std::string OrthancServer::DicomWebUrl() const {
  return StrCat("http://127.0.0.1:", http_port_, "/dicom-web");
}

void OrthancServer::WriteConfiguration() const {
  std::string users;
  for (const auto& [name, password] : options_.users) {
    users += StrCat(users.empty() ? "" : ", ", "\"", name, "\": \"", password, "\"");
  }
  std::string modalities;
  for (const auto& [title, port] : options_.modalities) {
    modalities += StrCat(modalities.empty() ? "" : ", ", "\"", AsciiLower(title), "\": [\"", title,
                         "\", \"127.0.0.1\", ", port, "]");
  }
  const std::string storage = (directory_ / "storage").string();
  WriteFile(
      directory_ / "orthanc.json",
      StrCat("{\n  \"Name\": \"trolley-test\",\n  \"StorageDirectory\": \"", storage, "\",\n  \"IndexDirectory\": \"",
             storage, "\",\n  \"Plugins\": [\"", kPlugin, "\"],\n  \"HttpPort\": ", http_port_,
             ",\n  \"DicomPort\": ", dicom_port_, ",\n  \"RemoteAccessAllowed\": false,\n  \"AuthenticationEnabled\": ",
             options_.users.empty() ? "false" : "true", ",\n  \"RegisteredUsers\": {", users,
             "},\n  \"DicomModalities\": {", modalities, "},\n",
             R"(  "DicomAlwaysAllowFind": true, "DicomAlwaysAllowGet": true, "DicomAlwaysAllowMove": true,
  "StableAge": 1, "SaveJobs": false, "KeepAlive": true, "TcpNoDelay": true, "DefaultEncoding": "Utf8",
  "LimitFindResults": 0, "LimitFindInstances": 0, "HttpThreadsCount": 50,
  "DicomWeb": {"Enable": true, "Root": "/dicom-web/", "EnableWado": true, "WadoRoot": "/wado", "Ssl": false,
               "Host": "127.0.0.1:)",
             http_port_, "\"}\n}\n"));
}

bool OrthancServer::Responds() const {
  httplib::Client client = ClientOf(http_port_, options_);
  const httplib::Result reply = client.Get("/system");
  return reply && reply->status == 200 && reply->body.find("trolley-test") != std::string::npos;
}

void OrthancServer::Start() {
  WriteConfiguration();
  process_ =
      std::make_unique<Process>(std::vector<std::string>{"Orthanc", (directory_ / "orthanc.json").string()},
                                RunOptions{.environment = {{"TCP_NODELAY", "1"}}, .directory = directory_.path()});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!Responds()) {
    if (!process_->Running() || std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("Cannot start Orthanc: " + EndOfLog());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void OrthancServer::Kill() {
  process_.reset();
}

void OrthancServer::SaveContent(const std::filesystem::path& directory) {
  process_->Signal(SIGTERM);
  if (process_->Wait(std::chrono::minutes(1)) != 0) {
    throw std::runtime_error("Orthanc does not end: " + EndOfLog());
  }
  process_.reset();
  CopyContent(directory_ / "storage", directory);
}

std::string OrthancServer::EndOfLog() const {
  const std::string log = process_ ? process_->Err() : "it was not started";
  constexpr size_t kEnd = 2000;
  return log.size() > kEnd ? log.substr(log.size() - kEnd) : log;
}

void OrthancServer::Upload(const std::filesystem::path& file) {
  Upload(std::vector<std::filesystem::path>{file});
}

void OrthancServer::Upload(const std::vector<std::filesystem::path>& files) {
  httplib::Client client = ClientOf(http_port_, options_);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);  // head and body go separately: the latter would wait 40 ms for an acknowledgement
  for (const std::filesystem::path& file : files) {
    const httplib::Result reply = client.Post("/instances", ReadFile(file), "application/dicom");
    if (!reply || reply->status != 200) {
      throw std::runtime_error(
          StrCat("Cannot upload ", file.string(), ": ",
                 reply ? StrCat("HTTP ", reply->status, " ", reply->body) : httplib::to_string(reply.error()), "\n",
                 EndOfLog()));
    }
  }
}

void OrthancServer::UploadDirectory(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  Upload(files);
}

}  // namespace trolley
