#include "config/header_keys.h"

#include "base/text.h"
#include "config/secret_keys.h"

namespace trolley {

std::vector<HeaderConfig> ReadHeaders(ConfigTable& table) {
  std::vector<HeaderConfig> headers;
  for (const std::string& name : table.Keys()) {
    constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (name.empty() || name.find_first_not_of(kToken) != std::string::npos) {
      table.Refuse(name, StrCat("'", name, "' is not the name of a header"));
    }
    // They would break the framing of the request.
    for (const char* own : {"host", "content-length", "transfer-encoding", "connection", "accept"}) {
      if (AsciiLower(name) == own) {
        table.Refuse(name, StrCat("the header '", name, "' is set by trolleyfs"));
      }
    }
    HeaderConfig header;
    header.name = name;
    if (table.IsTable(name)) {
      auto source = table.Table(name);
      header.secret = ReadPrefixedSource(*source, "");
      if (header.secret.empty()) {
        table.Refuse(name, StrCat("'", name, "' needs file, env or credential"));
      }
      source->RefuseUnknownKeys();
    } else {
      header.value = table.RequiredString(name);
    }
    headers.push_back(std::move(header));
  }
  return headers;
}

}  // namespace trolley
