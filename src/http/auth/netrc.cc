// Credentials from a netrc file. libcurl reads such files, too (CURLOPT_NETRC), but would lose what this one does:
//  - libcurl takes a missing or unreadable file for a file without logins; here it is an error that names the file;
//  - the lines that were sent are known, so that a refused login is not sent again unless the file changed;
//  - $NETRC is read, a file that others can read is a warning, and a host without a login is logged;
//  - it works with everything else that an Authenticator is combined with (custom headers).
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "base/mutex.h"
#include "base/secret_reader.h"
#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/http_url.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxFile = size_t{1} << 20;

struct Entry {
  std::string user;
  std::string password;
};
struct Netrc {
  std::map<std::string, Entry> machines;  // the first of a name counts
  std::optional<Entry> others;            // "default"
};

std::filesystem::path DefaultFile() {
  if (const char* file = ::getenv("NETRC"); file != nullptr && *file != '\0') {
    return file;
  }
  const char* home = ::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "" : home) / ".netrc";
}

std::string ReadAll(const std::filesystem::path& file) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot read the netrc file ", file.string(), ": ",
                                                    code ? code.message() : "it is not a regular file"));
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(kMaxFile, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (stream.bad() || (text.empty() && !stream.eof()) || text.size() == kMaxFile) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot read the netrc file ", file.string(), ": it cannot be opened or is too long"));
  }
  WarnWhenOthersCanRead(file, "netrc");
  return text;
}

// Words are separated by blanks and line breaks; one in double quotes may hold them.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  std::optional<std::string> Next() {
    while (true) {
      text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
      if (!text_.starts_with('#')) {
        break;
      }
      text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
    }
    if (text_.empty()) {
      return std::nullopt;
    }
    const bool quoted = text_.front() == '"';
    std::string word;
    for (text_.remove_prefix(quoted ? 1 : 0); !text_.empty(); text_.remove_prefix(1)) {
      if (quoted ? text_.front() == '"' : std::string_view(" \t\r\n").find(text_.front()) != std::string_view::npos) {
        break;
      }
      if (quoted && text_.front() == '\\' && text_.size() > 1) {
        text_.remove_prefix(1);
      }
      word.push_back(text_.front());
    }
    text_.remove_prefix(quoted && !text_.empty() ? 1 : 0);
    return word;
  }
  // A macro ends with an empty line.
  void SkipMacro() {
    const size_t end = std::min(text_.find("\n\n"), text_.find("\n\r\n"));
    text_.remove_prefix(std::min(end, text_.size()));
  }

 private:
  std::string_view text_;
};

Netrc Parse(std::string_view text) {
  Netrc netrc;
  Entry ignored;
  Entry* entry = &ignored;
  Words words(text);
  while (auto word = words.Next()) {
    if (*word == "machine") {
      const auto [found, is_new] = netrc.machines.try_emplace(AsciiLower(words.Next().value_or("")));
      entry = is_new ? &found->second : &ignored;
    } else if (*word == "default") {
      entry = &netrc.others.emplace();
    } else if (*word == "login") {
      entry->user = words.Next().value_or("");
    } else if (*word == "password") {
      entry->password = words.Next().value_or("");
    } else if (*word == "account") {
      (void)words.Next();
    } else if (*word == "macdef") {
      words.SkipMacro();
    }
  }
  return netrc;
}

std::string NameOf(const AuthRequest& request) {
  const auto url = internal::ParseHttpUrl(request.url);
  const std::string host = url ? url->host : "";
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

class NetrcAuthenticator : public Authenticator {
 public:
  explicit NetrcAuthenticator(std::filesystem::path file)
      : file_(file.empty() ? DefaultFile() : std::move(file)), netrc_(Parse(ReadAll(file_))) {}

  std::vector<std::string> Headers(const AuthRequest& request) override {
    const std::string name = NameOf(request);
    const MutexLock lock(mutex_);
    const auto found = netrc_.machines.find(name);
    const Entry* entry = found != netrc_.machines.end() ? &found->second : netrc_.others ? &*netrc_.others : nullptr;
    if (entry == nullptr || entry->user.empty()) {
      return {};
    }
    return {internal::BasicHeader(entry->user, entry->password)};
  }

  bool Renew(const AuthRequest& request, const HttpHead&, const std::vector<std::string>& sent) override {
    if (Headers(request) != sent) {
      return true;
    }
    try {
      Netrc netrc = Parse(ReadAll(file_));
      const MutexLock lock(mutex_);
      netrc_ = std::move(netrc);
    } catch (const Error& error) {
      LogWarning(error.what());
    }
    if (sent.empty() && Headers(request).empty()) {
      LogWarning(StrCat("The netrc file ", file_.string(), " has no login for ", NameOf(request)));
    }
    return Headers(request) != sent;
  }

 private:
  const std::filesystem::path file_;
  Mutex mutex_;
  Netrc netrc_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Authenticator> NetrcAuthentication(std::filesystem::path netrc_file) {
  return std::make_unique<NetrcAuthenticator>(std::move(netrc_file));
}

}  // namespace trolley
