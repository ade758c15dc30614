#include "mount/commands/common_options.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "config/default_directories.h"
#include "trolley/error.h"

namespace trolley {

void DescribeCommonOptions(CLI::App& app, CommonOptions& options) {
  app.add_option_function<std::string>(
         "--config", [&options](const std::string& file) { options.config = file; },
         "Configuration file, instead of the usual ones")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--log-level", [&options](const std::string& level) { options.log_level = ParseLogLevel(level); },
         "debug, info, warning (default), error or off; the log goes to standard error")
      ->type_name("LEVEL");
  app.add_flag("--log-patient-data", options.log_patient_data,
               "Show names, IDs and search terms in the log instead of <redacted>");
}

void DescribeCacheDirectory(CLI::App& app, CommonOptions& options) {
  app.add_option_function<std::string>(
         "--cache-dir", [&options](const std::string& directory) { options.cache_directory = directory; },
         "The cache's directory, instead of the configured one")
      ->type_name("DIR");
}

void DescribeTimeout(CLI::App& app, std::optional<std::chrono::milliseconds>& timeout) {
  app.add_option_function<std::string>(
         "--timeout",
         [&timeout](const std::string& text) {
           timeout = ParseDuration(text);
           if (!timeout || timeout->count() <= 0) {
             RefuseUsage(StrCat("--timeout: '", text, "' is not a duration such as 30s"));
           }
         },
         "Give up after this time, instead of the configured timeouts")
      ->type_name("DURATION");
}

void ConfigureCommandLog(const CommonOptions& options) {
  ConfigureLog({options.log_level, options.log_patient_data, ""});
}

ArchiveConfig ChooseArchive(const std::string& archive, const CommonOptions& options) {
  ArchiveConfig config = ResolveArchive(archive, LoadConfig(options.config));
  ChooseCacheDirectory(options.cache_directory, config);
  return config;
}

void ChooseCacheDirectory(const std::optional<std::filesystem::path>& given, ArchiveConfig& archive) {
  if (given) {
    archive.cache_directory = *given;
  }
  if (archive.cache_directory.empty()) {
    archive.cache_directory = DefaultCacheDirectory();
  }
  archive.cache_directory = std::filesystem::absolute(archive.cache_directory);
}

void RefuseUsage(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, what);
}

}  // namespace trolley
