#ifndef TROLLEY_CONFIG_CLIENT_CONFIG_H_
#define TROLLEY_CONFIG_CLIENT_CONFIG_H_

#include <filesystem>
#include <string_view>

#include "config/config.h"
#include "config/config_table.h"

namespace trolley {

// The tables `searcher` and `downloader` of an archive, into `archive`. A missing `searcher` is left to the caller.
// What the downloader leaves out is taken from a searcher of the same protocol.
void ReadClients(ConfigTable& table, const std::filesystem::path& base, ArchiveConfig& archive);

// C-FIND, C-GET or C-MOVE.
bool IsDicomType(std::string_view type);
// One to sixteen printable characters, PS3.5 §6.2 AE.
bool IsAeTitle(std::string_view title);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_CLIENT_CONFIG_H_
