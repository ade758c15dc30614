#include "mount/fuse/caller_signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>

#include "base/text.h"
#include "base/unique_fd.h"

namespace trolley {
namespace {

constexpr uint64_t Bit(int signal) {
  return uint64_t{1} << (signal - 1);
}

constexpr uint64_t kHarmless =
    Bit(SIGCHLD) | Bit(SIGURG) | Bit(SIGWINCH) | Bit(SIGPROF) | Bit(SIGVTALRM) | Bit(SIGIO) | Bit(SIGCONT);

std::optional<uint64_t> Mask(std::string_view status, std::string_view field) {
  const size_t at = status.find(field);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view digits = status.substr(at + field.size());
  digits = Trim(digits.substr(0, digits.find('\n')));
  uint64_t mask = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
  return error == std::errc() && end == digits.data() + digits.size() ? std::optional(mask) : std::nullopt;
}

}  // namespace

bool StatusShowsEndingSignal(std::string_view status) {
  const auto own = Mask(status, "\nSigPnd:");
  const auto shared = Mask(status, "\nShdPnd:");
  const auto blocked = Mask(status, "\nSigBlk:");
  if (!own || !shared || !blocked) {
    return true;
  }
  return ((*own | *shared) & ~*blocked & ~kHarmless) != 0;
}

bool HasEndingSignal(int thread_id) {
  if (thread_id <= 0) {
    return true;
  }
  const UniqueFd file(::open(StrCat("/proc/", thread_id, "/status").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return true;
  }
  std::string status(8192, '\0');
  const ssize_t length = ::read(file.get(), status.data(), status.size());
  if (length <= 0) {
    return true;
  }
  status.resize(static_cast<size_t>(length));
  return StatusShowsEndingSignal(status);
}

}  // namespace trolley
