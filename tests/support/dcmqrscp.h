#ifndef TROLLEY_TESTS_SUPPORT_DCMQRSCP_H_
#define TROLLEY_TESTS_SUPPORT_DCMQRSCP_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/temp_directory.h"

namespace trolley {

struct DcmqrscpOptions {
  std::vector<std::string> arguments{};  // more of the program's own, e.g. {"+xt", "-xt"}
  // Where it sends what a C-MOVE asks for: AE title -> port of 127.0.0.1.
  std::vector<std::pair<std::string, int>> destinations{};
  int max_associations = 16;
};

// DCMTK's small archive with these files, on a free port of 127.0.0.1; its AE title is kAeTitle. Unlike Orthanc it is
// strict: no relational queries, one accepted presentation context for each class, and no attribute that it does not
// index. Throws std::runtime_error when it does not work.
class Dcmqrscp {
 public:
  static constexpr const char* kAeTitle = "DCMQR";

  explicit Dcmqrscp(const std::vector<std::filesystem::path>& files, DcmqrscpOptions options = {});
  ~Dcmqrscp();

  static bool Installed();

  uint16_t port() const { return static_cast<uint16_t>(port_); }
  // As a crash would end it, then again on the same port with the same content.
  void Kill();
  void Start();

 private:
  void Load(const std::vector<std::filesystem::path>& files) const;

  DcmqrscpOptions options_;
  TempDirectory directory_;
  int port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_DCMQRSCP_H_
