#ifndef TROLLEY_MOUNT_COMMANDS_FIND_COMMAND_H_
#define TROLLEY_MOUNT_COMMANDS_FIND_COMMAND_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mount/commands/common_options.h"
#include "mount/commands/find_output.h"
#include "trolley/attributes.h"
#include "trolley/context.h"
#include "trolley/query.h"
#include "trolley/searcher.h"
#include "trolley/tag.h"

namespace trolley {

struct FindOptions {
  CommonOptions common;
  std::string archive;
  Query query = Query(Level::kStudy);  // criteria and included attributes; as deep as its keys need
  Level level = Level::kStudy;         // of the rows that are shown; not below the query's
  std::optional<uint32_t> limit;       // rows
  uint32_t offset = 0;                 // rows left out at the beginning
  FindFormat format = FindFormat::kTable;
  std::optional<std::chrono::milliseconds> timeout;
};

void DescribeFind(CLI::App& app, FindOptions& options);

struct FoundRows {
  std::vector<Attributes> rows;
  bool cut = false;  // there are more than the limit let through
};

// Asks for what `columns` show and for one row more than the limit.
FoundRows FindRows(Searcher& searcher, const FindOptions& options, const std::vector<Tag>& columns,
                   const Context& context);

// Prints what was found. The exit code.
int RunFind(const FindOptions& options);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_FIND_COMMAND_H_
