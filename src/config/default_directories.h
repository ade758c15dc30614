#ifndef TROLLEY_CONFIG_DEFAULT_DIRECTORIES_H_
#define TROLLEY_CONFIG_DEFAULT_DIRECTORIES_H_

#include <filesystem>
#include <string>
#include <vector>

namespace trolley {

// $XDG_CACHE_HOME/trolleyfs; else /var/cache/trolleyfs for root, ~/.cache/trolleyfs for others.
std::filesystem::path DefaultCacheDirectory();
// $XDG_DATA_HOME/trolleyfs/demo or ~/.local/share/trolleyfs/demo
std::filesystem::path DefaultDemoDirectory();
// The system's, then the user's; where LoadConfig looks.
std::vector<std::filesystem::path> DefaultConfigFiles();
// "~/" is the home directory, a relative path starts at `base`.
std::filesystem::path ExpandPath(const std::string& path, const std::filesystem::path& base);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_DEFAULT_DIRECTORIES_H_
