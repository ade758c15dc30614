// The options of `trolleyfs mount`, as a command line has them and as mount(8) passes them.
#include "mount/commands/mount_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>

#include "base/text.h"
#include "mount/commands/common_options.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// Accepted without effect: a mount is read-only and has neither devices nor programs to run as root.
constexpr std::string_view kIgnored[] = {"ro",         "default_permissions",
                                         "nosuid",     "nodev",
                                         "noexec",     "noatime",
                                         "nodiratime", "relatime",
                                         "_netdev",    "noauto",
                                         "auto",       "nofail",
                                         "user",       "users",
                                         "nouser",     "owner",
                                         "group",      "defaults"};
// mount(8) passes these by itself.
constexpr std::string_view kIgnoredFromMount[] = {"rw", "dev", "suid", "exec", "atime", "async", "sync", "diratime"};

template <size_t size>
bool IsOneOf(std::string_view word, const std::string_view (&words)[size]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

[[noreturn]] void Refuse(std::string_view option, std::string_view why) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("mount option '", option, "': ", why));
}

uint32_t ParseNumber(std::string_view name, std::string_view value, int base) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
  // UINT32_MAX is (uid_t) -1, "nobody in particular" to many calls.
  if (value.empty() || error != std::errc() || end != value.data() + value.size() || number == UINT32_MAX) {
    Refuse(StrCat(name, "=", value), base == 8 ? "not an octal number" : "not a number");
  }
  return number;
}

mode_t ParseUmask(std::string_view value) {
  const uint32_t umask = ParseNumber("umask", value, 8);
  if (umask > 0777) {
    Refuse(StrCat("umask=", value), "not between 000 and 777");
  }
  return umask;
}

uint64_t ParseCacheSize(std::string_view value) {
  const auto size = ParseSize(value);
  if (!size) {
    Refuse(StrCat("cache_size=", value), "not a size such as \"50GiB\"");
  }
  return *size;
}

struct MountOption {
  std::string_view name;
  std::string_view value;  // what --help calls its value; empty: it has none
  std::string_view help;
  void (*apply)(std::string_view value, MountOptions& options);
};

// The options of an -o list that have an effect: for the parser, for --help, and for the test of CONFIGURATION.md.
constexpr MountOption kMountOptions[] = {
    {"allow_other", "", "other users may read the mount",
     [](std::string_view, MountOptions& options) { options.allow_other = true; }},
    {"uid", "N", "the owner that files show (the user who mounts)",
     [](std::string_view value, MountOptions& options) { options.uid = ParseNumber("uid", value, 10); }},
    {"gid", "N", "the group that files show",
     [](std::string_view value, MountOptions& options) { options.gid = ParseNumber("gid", value, 10); }},
    {"umask", "OCTAL", "permission bits that files do not have (000)",
     [](std::string_view value, MountOptions& options) { options.umask = ParseUmask(value); }},
    {"no_passthrough", "", "the kernel reads cached files through this program even where it could by itself",
     [](std::string_view, MountOptions& options) { options.passthrough = false; }},
    {"config", "FILE", "as --config",
     [](std::string_view value, MountOptions& options) { options.config = std::string(value); }},
    {"cache_dir", "DIR", "as --cache-dir",
     [](std::string_view value, MountOptions& options) { options.cache_directory = std::string(value); }},
    {"cache_size", "SIZE", "as --cache-size",
     [](std::string_view value, MountOptions& options) { options.cache_size = ParseCacheSize(value); }},
    {"log_level", "LEVEL", "as --log-level",
     [](std::string_view value, MountOptions& options) { options.log_level = ParseLogLevel(value); }},
    {"log_file", "FILE", "as --log-file",
     [](std::string_view value, MountOptions& options) { options.log_file = value; }},
};

constexpr char kMountFooter[] = R"(
nosuid, nodev, noexec, noatime, _netdev, noauto, nofail, user, x-* are accepted and change nothing; ro and
default_permissions hold always.

Without -f the program returns when the mount is usable, or fails with one line. It then logs to the file of --log-file,
by default CACHE-DIR/log/ARCHIVE.log; with -f to standard error.

Signals: SIGHUP lets all cached search results expire, SIGTERM and SIGINT unmount.
Exit codes: 0 mounted, 1 failed, 2 wrong usage.)";

std::string MountFooter() {
  std::string text = StrCat(kArchiveHelp, "\n\nMount options:\n");
  for (const MountOption& option : kMountOptions) {
    std::string name = StrCat("  ", option.name, option.value.empty() ? "" : "=", option.value);
    name.resize(std::max<size_t>(name.size() + 1, 20), ' ');
    text += StrCat(name, option.help, "\n");
  }
  return text + kMountFooter;
}

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
    if (option.empty() || option.starts_with("x-") || option.starts_with("comment=") || IsOneOf(option, kIgnored) ||
        (as_helper && IsOneOf(option, kIgnoredFromMount))) {
      continue;
    }
    if (option == "rw") {
      Refuse(option, "an archive is mounted read-only; leave it out");
    }
    const size_t equals = std::min(option.find('='), option.size());
    const std::string_view name = option.substr(0, equals);
    const auto known = std::find_if(std::begin(kMountOptions), std::end(kMountOptions),
                                    [&](const MountOption& each) { return each.name == name; });
    if (known == std::end(kMountOptions) || known->value.empty() != (equals == option.size())) {
      Refuse(option, "unknown; see trolleyfs mount --help");
    }
    const std::string_view value = option.substr(std::min(equals + 1, option.size()));
    known->apply(value, options);
    if (!known->value.empty() && value.empty()) {
      Refuse(option, "a value is missing");
    }
  }
}

std::vector<std::string> MountOptionNames() {
  std::vector<std::string> names;
  for (const MountOption& option : kMountOptions) {
    names.emplace_back(option.name);
  }
  names.insert(names.end(), std::begin(kIgnored), std::end(kIgnored));
  return names;
}

namespace {

void ParseNames(const std::vector<std::string>& names, MountOptions& options) {
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

void ParseValues(const RawMountOptions& raw, bool as_helper, MountOptions& options) {
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
  app.footer(MountFooter());
  app.add_flag("--demo", options.demo, "Mount a small synthetic archive, made at first use; only DIR is given");
  app.add_flag("-f,--foreground", options.foreground, "Stay in the foreground and log to standard error");
  app.add_option("-o", raw.option_lists, "Mount options, separated by commas")
      ->type_name("OPTIONS")
      ->allow_extra_args(false);
  app.add_option("--config", raw.config, "Configuration file, instead of the usual ones")->type_name("FILE");
  app.add_option("--cache-dir", raw.cache_directory, "Where instances and search results are kept")->type_name("DIR");
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
    ParseNames(names, options);
    ParseValues(*kept, false, options);
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
  ParseNames(names, options);
  ParseValues(raw, true, options);
  return options;
}

}  // namespace trolley
