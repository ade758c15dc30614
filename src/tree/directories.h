#ifndef TROLLEY_TREE_DIRECTORIES_H_
#define TROLLEY_TREE_DIRECTORIES_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "tree/node.h"
#include "trolley/query.h"

namespace trolley {

// The query of `browse` ("all" or criteria). Throws kInvalidArgument for malformed criteria.
Query BrowseQuery(const std::string& browse, std::chrono::system_clock::time_point now);

// The last name of the directory's path.
std::string_view LastName(const Directory& directory);
// A directory of `view` in `parent`, as old as `parent`. Shown as study, series or patient only if the caller adds
// that.
Directory ChildOf(const DirectoryPtr& parent, std::string_view name, const View& view);

}  // namespace trolley

#endif  // TROLLEY_TREE_DIRECTORIES_H_
