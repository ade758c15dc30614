// Configuration files: where they are, how large they may be, and which archives they hold.
#include "trolley/config.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/text.h"
#include "config/default_directories.h"
#include "config/read_archive.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

// A name that is safe in paths, messages and mount options.
bool IsArchiveName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos && name[0] != '-' &&
         name[0] != '.';
}

// nullopt when there is no such file.
std::optional<std::string> ReadConfigFile(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot read the configuration ", file.string(), ": a directory"));
  }
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    const int code = errno;
    if (code == ENOENT || code == ENOTDIR) {
      return std::nullopt;
    }
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot read the configuration ", file.string(), ": ", std::strerror(code)));
  }
  std::string text(kMaxConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || !in.eof()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot read the configuration ", file.string(),
                                                    in.bad() ? ": read error" : ": it is larger than 1 MiB"));
  }
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

}  // namespace

Config ReadConfig(std::string_view text, const std::string& file_name, std::shared_ptr<ConfigTable::KeyPaths> known) {
  Config config;
  ConfigTable top = ConfigTable::Parse(text, file_name, std::move(known));
  if (auto archives = top.Table("archive")) {
    for (const std::string& name : archives->Keys()) {
      if (!IsArchiveName(name)) {
        archives->Refuse(name, StrCat("'", name, "' is not an archive name: use letters, digits, '.', '_' and '-'"));
      }
      auto table = archives->Table(name);
      config.archives.emplace(name, ReadArchive(*table, name));
    }
  }
  top.RefuseUnknownKeys();
  return config;
}

Config ParseConfig(std::string_view text, const std::string& file_name) {
  return ReadConfig(text, file_name);
}

Config LoadConfig(const std::optional<std::filesystem::path>& file) {
  if (file) {
    const auto text = ReadConfigFile(*file);
    if (!text) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("Cannot read the configuration ", file->string(), ": no such file"));
    }
    return ParseConfig(*text, file->string());
  }
  Config config;
  for (const std::filesystem::path& path : DefaultConfigFiles()) {
    if (const auto text = ReadConfigFile(path)) {
      for (auto& [name, archive] : ParseConfig(*text, path.string()).archives) {
        config.archives.insert_or_assign(name, archive);
      }
    }
  }
  return config;
}

}  // namespace trolley
