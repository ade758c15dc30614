// ResolveArchive of config.h: which archive a name, URL or folder on the command line means.
#include <map>
#include <system_error>
#include <variant>

#include "base/text.h"
#include "config/registry.h"
#include "config/service_url.h"
#include "tree/names.h"
#include "trolley/config.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

ArchiveConfig FromUrl(const std::string& argument) {
  const std::string url = NormalizeServiceUrl(argument);
  ArchiveConfig config = ArchiveOf(kQidoRs, ConfigTable::Make({{"url", url}}));
  config.name = ServiceUrlHost(url);
  return config;
}

// "dicom://AEC@host:port"
ArchiveConfig FromDicomUrl(const std::string& url) {
  const auto refuse = [&](std::string_view reason) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use the address '", WithoutSecrets(url), "': ", reason,
                                                    "; write dicom://AETITLE@host:port with the archive's AE title"));
  };
  std::string_view rest = std::string_view(url).substr(std::string_view("dicom://").size());
  while (rest.ends_with('/')) {
    rest.remove_suffix(1);
  }
  std::map<std::string, std::variant<std::string, int64_t>> keys;
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string title(rest.substr(0, at));
    rest.remove_prefix(at + 1);
    if (!IsAeTitle(title) || title.find(':') != std::string::npos) {
      refuse("what stands before '@' is not an AE title");
    }
    keys["aec"] = title;
  }
  const size_t colon = rest.ends_with(']') ? std::string_view::npos : rest.rfind(':');
  if (colon != std::string_view::npos) {
    const auto port = ParseUint(rest.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) {
      refuse("the port is not a number from 1 to 65535");
    }
    keys["port"] = static_cast<int64_t>(*port);
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) {
    rest = rest.substr(1, rest.size() - 2);
  }
  if (rest.empty() || rest.find_first_of("/?#[] ,") != std::string_view::npos) {
    refuse("it names no host");
  }
  keys["host"] = std::string(rest);
  ArchiveConfig config = ArchiveOf(kDicomQr, ConfigTable::Make(keys));
  config.name = rest;
  return config;
}

ArchiveConfig FromFolder(const std::filesystem::path& folder) {
  ArchiveConfig config = ArchiveOf(kFolderSearcher, ConfigTable::Make({{"path", folder.string()}}));
  config.name = CleanName(folder.filename().string());
  for (char& c : config.name) {
    // The name becomes part of a list of mount options.
    c = c == ',' ? '_' : c;
  }
  if (config.name.empty()) {
    config.name = "folder";
  }
  return config;
}

std::string KnownArchives(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, archive] : config.archives) {
    names.push_back(name);
  }
  return names.empty() ? "the configuration has none" : StrCat("it has ", Join(names, ", "));
}

void WarnOfPlainTextSecrets(const ArchiveConfig& archive) {
  for (const Endpoint* endpoint : {&archive.searcher->endpoint(), &archive.downloader->endpoint()}) {
    if (const auto warning = PlainTextWarning(*endpoint, archive.auth.get())) {
      LogWarning(StrCat("Archive '", archive.name, "': ", *warning));
      return;
    }
  }
}

}  // namespace

ArchiveConfig ResolveArchive(const std::string& archive, const Config& config) {
  if (archive.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot find the archive '': give a name of the configuration, a URL or a folder");
  }
  if (const auto found = config.archives.find(archive); found != config.archives.end()) {
    WarnOfPlainTextSecrets(found->second);
    return found->second;
  }
  if (StartsWithIgnoreCase(archive, "dicom://")) {
    return FromDicomUrl(archive);
  }
  if (archive.find("://") != std::string::npos) {
    return FromUrl(archive);
  }
  std::error_code error;
  if (std::filesystem::is_directory(archive, error)) {
    const std::filesystem::path folder = std::filesystem::canonical(archive, error);
    if (!error) {
      return FromFolder(folder);
    }
  }
  std::string reason = "not an existing folder";
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    reason = StrCat("not a usable folder (", error.message(), ")");
  }
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("Cannot find the archive '", WithoutSecrets(archive), "': it is not a name in the configuration (",
                     KnownArchives(config), "), not an http(s) or dicom URL, and ", reason));
}

}  // namespace trolley
