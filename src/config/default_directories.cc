#include "config/default_directories.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace trolley {
namespace {

std::filesystem::path HomeDirectory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    return home;
  }
  // A service without HOME.
  if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr) {
    return user->pw_dir;
  }
  return "/";
}

// A variable of the XDG base directory specification, which has relative paths ignored.
std::optional<std::filesystem::path> XdgDirectory(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || value[0] != '/') {
    return std::nullopt;
  }
  return std::filesystem::path(value) / "trolleyfs";
}

}  // namespace

std::filesystem::path DefaultCacheDirectory() {
  if (const auto directory = XdgDirectory("XDG_CACHE_HOME")) {
    return *directory;
  }
  return ::geteuid() == 0 ? "/var/cache/trolleyfs" : HomeDirectory() / ".cache/trolleyfs";
}

std::filesystem::path DefaultDemoDirectory() {
  if (const auto directory = XdgDirectory("XDG_DATA_HOME")) {
    return *directory / "demo";
  }
  return HomeDirectory() / ".local/share/trolleyfs/demo";
}

std::filesystem::path ExpandPath(const std::string& path, const std::filesystem::path& base) {
  std::filesystem::path expanded = path;
  if (path == "~" || path.starts_with("~/")) {
    expanded = HomeDirectory() / path.substr(std::min<size_t>(2, path.size()));
  }
  return (base / expanded).lexically_normal();
}

std::vector<std::filesystem::path> DefaultConfigFiles() {
  const auto own = XdgDirectory("XDG_CONFIG_HOME");
  return {"/etc/trolleyfs/config.toml", (own ? *own : HomeDirectory() / ".config/trolleyfs") / "config.toml"};
}

}  // namespace trolley
