#include <cstdio>
#include <exception>
#include <string>
#include <variant>
#include <vector>

#include "mount/commands/command_line.h"
#include "mount/commands/mount_command.h"

namespace trolley {
namespace {

int Run(const Printed& printed) {
  std::fputs(printed.text.c_str(), printed.exit_code == kExitOk ? stdout : stderr);
  return printed.exit_code;
}
int Run(const MountOptions& options) {
  return RunMount(options);
}
int Run(const UmountOptions& options) {
  return RunUmount(options);
}
int Run(const FindOptions& options) {
  return RunFind(options);
}
int Run(const CacheOptions& options) {
  return RunCache(options);
}
int Run(const StatusOptions& options) {
  return RunStatus(options);
}
int Run(const CheckOptions& options) {
  return RunCheck(options);
}
int Run(const GetOptions& options) {
  return RunGet(options);
}

}  // namespace
}  // namespace trolley

int main(int argc, char** argv) {
  try {
    const std::string program = argc > 0 ? argv[0] : "trolleyfs";
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return std::visit([](const auto& chosen) { return trolley::Run(chosen); },
                      trolley::ParseCommandLine(program, arguments));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "trolleyfs: %s\n", e.what());
    return trolley::kExitFailure;
  }
}
