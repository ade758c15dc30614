#ifndef TROLLEY_CONFIG_READ_ARCHIVE_H_
#define TROLLEY_CONFIG_READ_ARCHIVE_H_

#include <string>

#include "config/config_table.h"
#include "trolley/config.h"

namespace trolley {

// A table [archive.NAME]. Throws kInvalidArgument with file and line.
ArchiveConfig ReadArchive(ConfigTable& table, const std::string& name);
// All of a file. `known`, if given, receives the paths of the keys that its archives may have.
Config ReadConfig(std::string_view toml, const std::string& file_name,
                  std::shared_ptr<ConfigTable::KeyPaths> known = nullptr);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_READ_ARCHIVE_H_
