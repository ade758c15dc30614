#include "mount/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr char kMountFooter[] =
    R"(ARCHIVE is a name from the configuration (/etc/trolleyfs/config.toml, ~/.config/trolleyfs/config.toml), the URL of a
DICOMweb service, or a folder of DICOM files.

Mount options: allow_other, uid=N, gid=N, umask=OCTAL, ro (always), default_permissions (always), and for fstab config=,
cache_dir=, cache_size=, log_level=, log_file=; nosuid, nodev, noexec, noatime, _netdev, noauto, nofail, user, x-* are
accepted and change nothing.

Without -f the program returns when the mount is usable, or fails with one line. It then logs to the file of --log-file,
by default CACHE-DIR/log/ARCHIVE.log; with -f to standard error.

Signals: SIGHUP asks the archive anew, SIGTERM and SIGINT unmount.
Exit codes: 0 mounted, 1 failed, 2 wrong usage.)";

struct Raw {
  std::string archive;
  std::string directory;
  std::vector<std::string> option_lists;
  std::string config;
  std::string cache_directory;
  std::string cache_size;
  std::string log_level;
};

bool IsSubcommand(const std::string& word) {
  return word == "mount" || word == "umount";
}

void DescribeMount(CLI::App& mount, MountOptions& options, Raw& raw) {
  mount.footer(kMountFooter);
  mount.add_flag("--demo", options.demo, "Mount a small synthetic archive, made at first use; only DIR is given");
  mount.add_flag("-f,--foreground", options.foreground, "Stay in the foreground and log to standard error");
  mount.add_option("-o", raw.option_lists, "Mount options, separated by commas")
      ->type_name("OPTIONS")
      ->allow_extra_args(false);
  mount.add_option("--config", raw.config, "Configuration file, instead of the usual ones")->type_name("FILE");
  mount.add_option("--cache-dir", raw.cache_directory, "Where instances and answers are kept")->type_name("DIR");
  mount.add_option("--cache-size", raw.cache_size, "How much of the disk instances may take, such as 50GiB")
      ->type_name("SIZE");
  mount.add_option("--log-level", raw.log_level, "debug, info, warning, error or off")->type_name("LEVEL");
  mount.add_option("--log-file", options.log_file, "Log to this file")->type_name("FILE");
  mount.add_flag("--log-patient-data", options.log_patient_data,
                 "Show names, IDs and search terms in the log instead of <redacted>");
  mount.add_option("ARCHIVE", raw.archive, "The archive to mount");
  mount.add_option("DIR", raw.directory, "The empty directory to mount it at");
}

[[noreturn]] void Misused(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, what);
}

void TakeNames(const std::vector<std::string>& names, MountOptions& options) {
  if (options.demo && names.size() != 1) {
    Misused("mount --demo takes just the directory to mount at");
  }
  if (!options.demo && names.size() != 2) {
    Misused("mount takes an archive and the directory to mount it at");
  }
  if (!options.demo) {
    options.archive = names.front();
  }
  options.mount_point = names.back();
}

void TakeValues(const Raw& raw, bool as_helper, MountOptions& options) {
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
      Misused(StrCat("--cache-size: '", raw.cache_size, "' is not a size such as 50GiB"));
    }
  }
  if (!raw.log_level.empty()) {
    options.log_level = ParseLogLevel(raw.log_level);
  }
}

// ARCHIVE DIR [-sfnv] [-o OPTIONS] [-t TYPE], in any order.
MountOptions ParseHelperArguments(const std::vector<std::string>& arguments) {
  MountOptions options;
  Raw raw;
  std::vector<std::string> names;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-o" || argument == "-t") {
      if (++i == arguments.size()) {
        Misused(StrCat(argument, " needs a value"));
      }
      if (argument == "-o") {
        raw.option_lists.push_back(arguments[i]);
      }
    } else if (argument == "-f") {
      options.fake = true;
    } else if (argument == "-s" || argument == "-n" || argument == "-v" || argument == "-r" || argument == "-w") {
      continue;
    } else if (argument.starts_with("-")) {
      Misused(StrCat("unknown option ", argument));
    } else {
      names.push_back(argument);
    }
  }
  TakeNames(names, options);
  TakeValues(raw, true, options);
  return options;
}

Command ParseSubcommands(std::vector<std::string> arguments) {
  if (!arguments.empty() && !IsSubcommand(arguments[0]) && !arguments[0].starts_with("-")) {
    Misused(StrCat("'", arguments[0], "' is no subcommand: they are mount and umount"));
  }
  CLI::App app("Mounts an archive of medical images (DICOM) as a read-only directory.", "trolleyfs");
  app.set_version_flag("--version", "trolleyfs " TROLLEYFS_VERSION);
  app.require_subcommand(1);
  MountOptions options;
  Raw raw;
  UmountOptions umount_options;
  CLI::App* mount = app.add_subcommand("mount", "Mount an archive");
  DescribeMount(*mount, options, raw);
  CLI::App* umount = app.add_subcommand("umount", "Unmount, and wait until it is done");
  umount->add_flag("--lazy", umount_options.lazy, "Also while it is in use: it goes when its last user does");
  umount->add_option("DIR", umount_options.mount_point, "Where the archive is mounted")->type_name(" ")->required();
  try {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& e) {
    std::ostringstream out;
    std::ostringstream err;
    const bool wrong = app.exit(e, out, err) != 0;
    if (!wrong) {
      return Printed{out.str(), kExitOk};
    }
    return Printed{StrCat("trolleyfs: ", e.what(), "; see trolleyfs --help\n"), kExitUsage};
  }
  if (umount->parsed()) {
    return umount_options;
  }
  std::vector<std::string> names;
  for (const std::string& name : {raw.archive, raw.directory}) {
    if (!name.empty()) {
      names.push_back(name);
    }
  }
  TakeNames(names, options);
  TakeValues(raw, false, options);
  return options;
}

}  // namespace

Command ParseCommandLine(const std::string& program, std::vector<std::string> arguments) {
  const bool named_as_helper = std::filesystem::path(program).filename().string().starts_with("mount.");
  const bool called_as_helper = arguments.size() >= 2 && !IsSubcommand(arguments[0]) && !arguments[0].starts_with("-");
  try {
    if (named_as_helper || called_as_helper) {
      return ParseHelperArguments(arguments);
    }
    return ParseSubcommands(std::move(arguments));
  } catch (const Error& e) {
    return Printed{StrCat("trolleyfs: ", e.what(), "; see trolleyfs mount --help\n"), kExitUsage};
  }
}

}  // namespace trolley
