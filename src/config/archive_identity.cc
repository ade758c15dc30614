// ArchiveConfig::Identity of config.h: the key under which the caches hold what comes from an archive.
#include <algorithm>
#include <vector>

#include "base/message_digest.h"
#include "base/text.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/config.h"

namespace trolley {

std::string ArchiveConfig::Identity() const {
  std::vector<std::string> parts;
  const auto add = [&](const std::string& part) {
    if (!part.empty() && std::find(parts.begin(), parts.end(), part) == parts.end()) {
      parts.push_back(part);
    }
  };
  add(StrCat(searcher->type(), ":", IdentityOf(searcher->endpoint())));
  add(StrCat(downloader->type(), ":", IdentityOf(downloader->endpoint())));
  // The archive decides what an account may see: the results of one are not those of another.
  add(AccountOf(searcher->endpoint(), auth.get()));
  add(AccountOf(downloader->endpoint(), auth.get()));
  for (const HeaderConfig& header : headers) {
    add(StrCat("header:", AsciiLower(header.name), "=",
               header.secret.empty() ? HexDigest(DigestAlgorithm::kSha256, header.value) : PlaceOf(header.secret)));
  }
  if (!certificate_file.empty()) {
    add(StrCat("certificate:", certificate_file.string()));
  }
  return Join(parts, " ");
}

}  // namespace trolley
