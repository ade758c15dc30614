#include "mount/mount_options.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr std::string_view kAccepted[] = {"ro",         "default_permissions",
                                          "nosuid",     "nodev",
                                          "noexec",     "noatime",
                                          "nodiratime", "relatime",
                                          "_netdev",    "noauto",
                                          "auto",       "nofail",
                                          "user",       "users",
                                          "nouser",     "owner",
                                          "group",      "defaults"};
// What mount(8) passes unasked, and may be ignored for a file system without devices or programs to run as root.
constexpr std::string_view kAcceptedFromMount[] = {"rw", "dev", "suid", "exec", "atime", "async", "sync", "diratime"};

template <size_t size>
bool IsOneOf(std::string_view word, const std::string_view (&words)[size]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

[[noreturn]] void Refuse(std::string_view option, std::string_view why) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("mount option '", option, "': ", why));
}

uint32_t ParseNumber(std::string_view option, std::string_view value, int base) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
  // UINT32_MAX is (uid_t) -1, "nobody in particular" to many calls.
  if (value.empty() || error != std::errc() || end != value.data() + value.size() || number == UINT32_MAX) {
    Refuse(option, base == 8 ? "not an octal number" : "not a number");
  }
  return number;
}

// Options with a value. False: not one of them.
bool ParseValueOption(std::string_view option, std::string_view key, std::string_view value, MountOptions& options) {
  if (key == "uid") {
    options.uid = ParseNumber(option, value, 10);
  } else if (key == "gid") {
    options.gid = ParseNumber(option, value, 10);
  } else if (key == "umask") {
    options.umask = ParseNumber(option, value, 8);
    if (options.umask > 0777) {
      Refuse(option, "not between 000 and 777");
    }
  } else if (key == "config") {
    options.config = std::string(value);
  } else if (key == "cache_dir") {
    options.cache_directory = std::string(value);
  } else if (key == "cache_size") {
    options.cache_size = ParseSize(value);
    if (!options.cache_size) {
      Refuse(option, "not a size such as \"50GiB\"");
    }
  } else if (key == "log_level") {
    options.log_level = ParseLogLevel(value);
  } else if (key == "log_file") {
    options.log_file = value;
  } else {
    return false;
  }
  if (value.empty()) {
    Refuse(option, "a value is missing");
  }
  return true;
}

}  // namespace

void ParseMountOptionList(std::string_view list, bool as_helper, MountOptions& options) {
  for (const std::string_view option : Split(list, ',')) {
    if (option.empty() || option.starts_with("x-") || option.starts_with("comment=") || IsOneOf(option, kAccepted) ||
        (as_helper && IsOneOf(option, kAcceptedFromMount))) {
      continue;
    }
    if (option == "rw") {
      Refuse(option, "an archive is mounted read-only; leave it out");
    }
    if (option == "allow_other") {
      options.allow_other = true;
      continue;
    }
    const size_t equals = option.find('=');
    if (equals == std::string_view::npos ||
        !ParseValueOption(option, option.substr(0, equals), option.substr(equals + 1), options)) {
      Refuse(option, "unknown; see trolleyfs mount --help");
    }
  }
}

}  // namespace trolley
