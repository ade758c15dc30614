#include "support/dcmqrscp.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/text.h"
#include "support/sockets.h"

namespace trolley {

bool Dcmqrscp::Installed() {
  return HasProgram("dcmqrscp") && HasProgram("dcmqridx");
}

Dcmqrscp::Dcmqrscp(const std::vector<std::filesystem::path>& files, DcmqrscpOptions options)
    : options_(std::move(options)) {
  Load(files);
  constexpr int kAttempts = 5;  // somebody else may take a free port before it does
  for (int attempt = 1;; ++attempt) {
    port_ = FreePort();
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

Dcmqrscp::~Dcmqrscp() = default;

// The index is of the files where they are.
void Dcmqrscp::Load(const std::vector<std::filesystem::path>& files) const {
  const std::filesystem::path area = directory_ / "area";
  std::filesystem::create_directory(area);
  std::vector<std::string> argv = {"dcmqridx", "-n", area.string()};
  size_t number = 0;
  for (const std::filesystem::path& file : files) {
    const std::filesystem::path copy = area / (std::to_string(++number) + ".dcm");
    std::filesystem::copy_file(file, copy);
    argv.push_back(copy.string());
  }
  if (files.empty()) {
    return;
  }
  const RunResult result = RunProgram(argv);
  if (result.exit_code != 0) {
    throw std::runtime_error("Cannot fill dcmqrscp's index: " + result.err);
  }
}

void Dcmqrscp::Start() {
  std::string hosts;
  for (const auto& [title, port] : options_.destinations) {
    const std::string name = AsciiLower(title);
    hosts += StrCat(name, " = (", title, ", 127.0.0.1, ", port, ")\n");
  }
  const std::filesystem::path configuration = directory_ / "dcmqrscp.cfg";
  WriteFile(configuration,
            StrCat("NetworkTCPPort = ", port_, "\nMaxPDUSize = 131072\nMaxAssociations = ", options_.max_associations,
                   "\nHostTable BEGIN\n", hosts, "HostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\n",
                   kAeTitle, " ", (directory_ / "area").string(), " RW (500, 1024mb) ANY\nAETable END\n"));
  std::vector<std::string> argv = {"dcmqrscp", "-c", configuration.string()};
  argv.insert(argv.begin() + 1, options_.arguments.begin(), options_.arguments.end());
  process_ = std::make_unique<Process>(argv, RunOptions{.environment = {{"TCP_NODELAY", "1"}}});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!ConnectToLoopback(port_)) {
    if (!process_->Running() || std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("Cannot start dcmqrscp: " + process_->Err());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Dcmqrscp::Kill() {
  process_.reset();
}

}  // namespace trolley
