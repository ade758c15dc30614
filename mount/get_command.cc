#include "mount/get_command.h"

#include <CLI/CLI.hpp>

#include "mount/exit_codes.h"
#include "mount/readiness.h"

namespace trolley {

void DescribeGet(CLI::App& app, GetOptions& options) {
  DescribeCommonOptions(app, options.common);
  DescribeCacheDirectory(app, options.common);
  app.add_option("ARCHIVE", options.archive, "The archive to get from")->type_name(" ")->required();
  app.add_option("WHAT", options.wanted, "Criteria (Keyword=value), UIDs, or - to read them")
      ->type_name(" ")
      ->required();
}

int RunGet(const GetOptions& options) {
  PrintFailure("Cannot get from " + options.archive + ": this version cannot do that yet");
  return kExitFailure;
}

}  // namespace trolley
