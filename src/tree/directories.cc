#include "tree/directories.h"

#include <utility>

#include "base/text.h"
#include "search/level_queries.h"
#include "trolley/criteria.h"
#include "trolley/error.h"

namespace trolley {

Query BrowseQuery(const std::string& browse, std::chrono::system_clock::time_point now) {
  Query query(Level::kStudy);
  if (browse != "all") {
    AddCriteria(browse, query, now);
  }
  IncludeStudyAttributes(query);
  return query;
}

std::string_view LastName(const Directory& directory) {
  const std::string_view path = directory.path;
  return path.substr(path.rfind('/') + 1);
}

Directory ChildOf(const DirectoryPtr& parent, std::string_view name, const View& view) {
  Directory directory;
  directory.path = parent->path.empty() ? std::string(name) : StrCat(parent->path, "/", name);
  directory.parent = parent;
  directory.view = &view;
  directory.mtime = parent->mtime;
  return directory;
}

InstanceReference File::reference() const {
  return {directory->series->study, directory->series->series, *instance};
}

}  // namespace trolley
