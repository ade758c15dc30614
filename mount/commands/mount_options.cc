#include "mount/commands/mount_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "mount/commands/common_options.h"

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

constexpr char kMountFooter[] =
    R"(ARCHIVE is a name from the configuration (/etc/trolleyfs/config.toml, ~/.config/trolleyfs/config.toml), the URL of a
DICOMweb service, dicom://AET@HOST:PORT, or a folder of DICOM files.

Mount options: allow_other, uid=N, gid=N, umask=OCTAL, no_passthrough (the kernel reads cached files through this program
even where it could by itself), ro (always), default_permissions (always), and for fstab config=, cache_dir=,
cache_size=, log_level=, log_file=; nosuid, nodev, noexec, noatime, _netdev, noauto, nofail, user, x-* are
accepted and change nothing.

Without -f the program returns when the mount is usable, or fails with one line. It then logs to the file of --log-file,
by default CACHE-DIR/log/ARCHIVE.log; with -f to standard error.

Signals: SIGHUP asks the archive anew, SIGTERM and SIGINT unmount.
Exit codes: 0 mounted, 1 failed, 2 wrong usage.)";

struct RawMountOptions {
  std::string archive;
  std::string directory;
  std::vector<std::string> option_lists;
  std::string config;
  std::string cache_directory;
  std::string cache_size;
  std::string log_level;
};

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
    if (option == "no_passthrough") {
      options.passthrough = false;
      continue;
    }
    const size_t equals = option.find('=');
    if (equals == std::string_view::npos ||
        !ParseValueOption(option, option.substr(0, equals), option.substr(equals + 1), options)) {
      Refuse(option, "unknown; see trolleyfs mount --help");
    }
  }
}

namespace {

void TakeNames(const std::vector<std::string>& names, MountOptions& options) {
  if (options.demo && names.size() != 1) {
    RefuseUsage("mount --demo takes just the directory to mount at");
  }
  if (!options.demo && names.size() != 2) {
    RefuseUsage("mount takes an archive and the directory to mount it at");
  }
  if (!options.demo) {
    options.archive = names.front();
  }
  options.mount_point = names.back();
}

void TakeValues(const RawMountOptions& raw, bool as_helper, MountOptions& options) {
  // The list first: what is given as an option of its own wins.
  const std::string log_file = options.log_file;
  for (const std::string& list : raw.option_lists) {
    ParseMountOptionList(list, as_helper, options);
  }
  if (!log_file.empty()) {
    options.log_file = log_file;
  }
  if (!raw.config.empty()) {
    options.config = raw.config;
  }
  if (!raw.cache_directory.empty()) {
    options.cache_directory = raw.cache_directory;
  }
  if (!raw.cache_size.empty()) {
    options.cache_size = ParseSize(raw.cache_size);
    if (!options.cache_size) {
      RefuseUsage(StrCat("--cache-size: '", raw.cache_size, "' is not a size such as 50GiB"));
    }
  }
  if (!raw.log_level.empty()) {
    options.log_level = ParseLogLevel(raw.log_level);
  }
}

}  // namespace

void DescribeMount(CLI::App& app, MountOptions& options) {
  const auto kept = std::make_shared<RawMountOptions>();
  RawMountOptions& raw = *kept;
  app.footer(kMountFooter);
  app.add_flag("--demo", options.demo, "Mount a small synthetic archive, made at first use; only DIR is given");
  app.add_flag("-f,--foreground", options.foreground, "Stay in the foreground and log to standard error");
  app.add_option("-o", raw.option_lists, "Mount options, separated by commas")
      ->type_name("OPTIONS")
      ->allow_extra_args(false);
  app.add_option("--config", raw.config, "Configuration file, instead of the usual ones")->type_name("FILE");
  app.add_option("--cache-dir", raw.cache_directory, "Where instances and answers are kept")->type_name("DIR");
  app.add_option("--cache-size", raw.cache_size, "How much of the disk instances may take, such as 50GiB")
      ->type_name("SIZE");
  app.add_option("--log-level", raw.log_level, "debug, info, warning, error or off")->type_name("LEVEL");
  app.add_option("--log-file", options.log_file, "Log to this file")->type_name("FILE");
  app.add_flag("--log-patient-data", options.log_patient_data,
               "Show names, IDs and search terms in the log instead of <redacted>");
  app.add_option("ARCHIVE", raw.archive, "The archive to mount");
  app.add_option("DIR", raw.directory, "The empty directory to mount it at");
  app.callback([kept, &options] {
    std::vector<std::string> names;
    for (const std::string& name : {kept->archive, kept->directory}) {
      if (!name.empty()) {
        names.push_back(name);
      }
    }
    TakeNames(names, options);
    TakeValues(*kept, false, options);
  });
}

MountOptions ParseHelperArguments(const std::vector<std::string>& arguments) {
  MountOptions options;
  RawMountOptions raw;
  std::vector<std::string> names;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-o" || argument == "-t") {
      if (++i == arguments.size()) {
        RefuseUsage(StrCat(argument, " needs a value"));
      }
      if (argument == "-o") {
        raw.option_lists.push_back(arguments[i]);
      }
    } else if (argument == "-f") {
      options.fake = true;
    } else if (argument == "-s" || argument == "-n" || argument == "-v" || argument == "-r" || argument == "-w") {
      continue;
    } else if (argument.starts_with("-")) {
      RefuseUsage(StrCat("unknown option ", argument));
    } else {
      names.push_back(argument);
    }
  }
  TakeNames(names, options);
  TakeValues(raw, true, options);
  return options;
}

}  // namespace trolley
