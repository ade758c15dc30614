// Parses the command line. Each command describes its options to CLI11 in its own file; nothing runs before all is
// parsed.
#include "mount/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr char kProgramFooter[] = "Each subcommand explains itself: trolleyfs find --help";

// The subcommands of the program. The one that was chosen gives its options when all is parsed.
class Subcommands {
 public:
  Subcommands() : app_("Mounts an archive of medical images (DICOM) as a read-only directory.", "trolleyfs") {
    app_.set_version_flag("--version", "trolleyfs " TROLLEYFS_VERSION);
    app_.require_subcommand(1);
    app_.footer(kProgramFooter);
    Add<MountOptions>("mount", "Mount an archive", DescribeMount);
    Add<UmountOptions>("umount", "Unmount, and wait until it is done", DescribeUmount);
    Add<FindOptions>("find", "Search an archive", DescribeFind);
    Add<GetOptions>("get", "Download from an archive", DescribeGet);
    Add<CheckOptions>("check", "Try whether an archive works", DescribeCheck);
    Add<StatusOptions>("status", "Show the state of a mount", DescribeStatus);
    Add<CacheOptions>("cache", "Look after the cache on disk", DescribeCache);
  }

  Command Parse(std::vector<std::string> arguments) {
    try {
      std::reverse(arguments.begin(), arguments.end());
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& e) {
      std::ostringstream out;
      std::ostringstream err;
      if (app_.exit(e, out, err) == 0) {
        return Printed{out.str(), kExitOk};
      }
      // Only the names of unexpected arguments: their values may be a patient's.
      std::string what = e.what();
      if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
        what = UnexpectedArguments();
      }
      throw Error(ErrorCode::kInvalidArgument, what);
    }
    return chosen_.at(app_.get_subcommands().front())();
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const CLI::App* subcommand : app_.get_subcommands(nullptr)) {
      names.push_back(subcommand->get_name());
    }
    return names;
  }

  std::map<std::string, std::set<std::string>> Options() const {
    std::map<std::string, std::set<std::string>> options;
    for (const CLI::App* subcommand : app_.get_subcommands(nullptr)) {
      std::set<std::string>& names = options[subcommand->get_name()];
      for (const CLI::Option* option : subcommand->get_options()) {
        for (const std::string& name : option->get_snames()) {
          names.insert("-" + name);
        }
        for (const std::string& name : option->get_lnames()) {
          names.insert("--" + name);
        }
        if (option->get_positional()) {
          names.insert(option->get_single_name());
        }
      }
    }
    return options;
  }

 private:
  std::string UnexpectedArguments() {
    std::vector<std::string> names;
    for (const std::string& argument : app_.remaining(true)) {
      names.push_back(argument.substr(0, argument.find('=')));
    }
    return StrCat("unknown: ", Join(names, " "));
  }

  template <typename Options>
  void Add(const char* name, const char* summary, void (*describe)(CLI::App&, Options&)) {
    CLI::App* app = app_.add_subcommand(name, summary);
    const auto options = std::make_shared<Options>();
    describe(*app, *options);
    chosen_[app] = [options] { return Command(*options); };
  }

  CLI::App app_;
  std::map<const CLI::App*, std::function<Command()>> chosen_;
};

}  // namespace

std::map<std::string, std::set<std::string>> CommandOptions() {
  return Subcommands().Options();
}

Command ParseCommandLine(const std::string& program, std::vector<std::string> arguments) {
  Subcommands subcommands;
  const std::vector<std::string> names = subcommands.Names();
  const auto is_any_of = [](const auto& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const bool begins_with_name = !arguments.empty() && !arguments[0].starts_with("-") && !is_any_of(names, arguments[0]);
  std::string help = "trolleyfs --help";
  try {
    if (std::filesystem::path(program).filename().string().starts_with("mount.") ||
        (begins_with_name && is_any_of(arguments, "-o"))) {
      help = "trolleyfs mount --help";
      return ParseHelperArguments(arguments);
    }
    if (begins_with_name) {
      RefuseUsage(StrCat("'", arguments[0], "' is not a subcommand, use ", Join(names, ", ")));
    }
    if (!arguments.empty() && is_any_of(names, arguments[0])) {
      help = StrCat("trolleyfs ", arguments[0], " --help");
    }
    return subcommands.Parse(std::move(arguments));
  } catch (const Error& e) {
    return Printed{StrCat("trolleyfs: ", e.what(), "; see ", help, "\n"), kExitUsage};
  }
}

}  // namespace trolley
