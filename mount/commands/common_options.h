#ifndef TROLLEY_MOUNT_COMMANDS_COMMON_OPTIONS_H_
#define TROLLEY_MOUNT_COMMANDS_COMMON_OPTIONS_H_

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "trolley/config.h"
#include "trolley/log.h"

namespace CLI {
class App;
}

namespace trolley {

// The options of every subcommand that uses an archive.
struct CommonOptions {
  std::optional<std::filesystem::path> config;
  std::optional<std::filesystem::path> cache_directory;
  LogLevel log_level = LogLevel::kWarning;  // to standard error
  bool log_patient_data = false;
};

// --config, --log-level, --log-patient-data
void DescribeCommonOptions(CLI::App& app, CommonOptions& options);
// --cache-dir, for those that use the cache
void DescribeCacheDirectory(CLI::App& app, CommonOptions& options);

// --timeout: how long to wait for a result
void DescribeTimeout(CLI::App& app, std::optional<std::chrono::milliseconds>& timeout);

// Lets the log go to standard error, at the options' level.
void ConfigureCommandLog(const CommonOptions& options);
// The archive that ARCHIVE names, with the cache directory of the options when one is given, else the configured or
// the default one. Throws kInvalidArgument.
ArchiveConfig ChooseArchive(const std::string& archive, const CommonOptions& options);

// The cache directory that is given, else the configured or the default one.
void ChooseCacheDirectory(const std::optional<std::filesystem::path>& given, ArchiveConfig& archive);

// For a value that does not fit its option: wrong usage, exit code 2. Throws kInvalidArgument.
[[noreturn]] void RefuseUsage(const std::string& what);

inline constexpr char kArchiveHelp[] =
    R"(ARCHIVE is a name from the configuration (/etc/trolleyfs/config.toml, ~/.config/trolleyfs/config.toml), the URL of a
DICOMweb service, dicom://AET@HOST:PORT, or a folder of DICOM files.)";

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_COMMON_OPTIONS_H_
