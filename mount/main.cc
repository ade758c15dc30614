#include <cstdio>
#include <exception>
#include <string>
#include <variant>
#include <vector>

#include "mount/command_line.h"
#include "mount/mount_command.h"
#include "mount/umount_command.h"

namespace trolley {
namespace {

int Run(int argc, char** argv) {
  const std::string program = argc > 0 ? argv[0] : "trolleyfs";
  const Command command = ParseCommandLine(program, std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (const auto* mount = std::get_if<MountOptions>(&command)) {
    return RunMount(*mount);
  }
  if (const auto* umount = std::get_if<UmountOptions>(&command)) {
    return RunUmount(*umount);
  }
  const auto& printed = std::get<Printed>(command);
  std::fputs(printed.text.c_str(), printed.exit_code == kExitOk ? stdout : stderr);
  return printed.exit_code;
}

}  // namespace
}  // namespace trolley

int main(int argc, char** argv) {
  try {
    return trolley::Run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "trolleyfs: %s\n", e.what());
    return trolley::kExitFailure;
  }
}
