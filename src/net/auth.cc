#include "net/auth.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace trolley {
namespace {

constexpr size_t kMaxSecret = size_t{64} << 10;

std::string EncodeBase64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    const size_t digits = std::min<size_t>(bytes.size() - i, 3) + 1;
    for (size_t j = 0; j < 4; ++j) {
      out.push_back(j < digits ? kAlphabet[group >> (18 - 6 * j) & 63U] : '=');
    }
  }
  return out;
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; });
}

std::string BasicHeader(const std::string& user, const std::string& password) {
  if (HasControl(user) || user.find(':') != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot use the user name for basic authentication: it has a colon or control characters");
  }
  if (HasControl(password)) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot use the password for basic authentication: it has line breaks or control characters");
  }
  return StrCat("Authorization: Basic ", EncodeBase64(StrCat(user, ":", password)));
}

std::string BearerHeader(const std::string& token) {
  if (token.empty() || HasControl(token) || token.find(' ') != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot use the bearer token: it is empty or has blanks, line breaks or control characters");
  }
  return StrCat("Authorization: Bearer ", token);
}

class NoAuthenticator : public Authenticator {
 public:
  std::vector<std::string> Headers() override { return {}; }
};

// One header line, made anew by `make` when the server refuses it.
class HeaderAuthenticator : public Authenticator {
 public:
  explicit HeaderAuthenticator(std::string header) : header_(std::move(header)) {}
  explicit HeaderAuthenticator(std::function<std::string()> make) : make_(std::move(make)), header_(make_()) {}

  std::vector<std::string> Headers() override {
    const std::lock_guard lock(mutex_);
    return {header_};
  }

  bool Renew() override {
    if (!make_) {
      return false;
    }
    std::string renewed;
    try {
      renewed = make_();
    } catch (const Error& error) {
      LogWarning(error.what());
      return false;
    }
    const std::lock_guard lock(mutex_);
    if (renewed == header_) {
      return false;  // the same again would be refused again, and may lock the account
    }
    header_ = std::move(renewed);
    return true;
  }

 private:
  const std::function<std::string()> make_;
  std::mutex mutex_;
  std::string header_;
};

[[noreturn]] void CannotRead(const std::filesystem::path& file, std::string_view reason) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot read the secret file ", file.string(), ": ", reason));
}

[[noreturn]] void CannotReadErrno(const std::filesystem::path& file) {
  CannotRead(file, std::generic_category().message(errno));
}

}  // namespace

std::unique_ptr<Authenticator> NoAuthentication() {
  return std::make_unique<NoAuthenticator>();
}

std::unique_ptr<Authenticator> BasicAuthentication(std::string user, std::string password) {
  return std::make_unique<HeaderAuthenticator>(BasicHeader(user, password));
}

std::unique_ptr<Authenticator> BasicAuthenticationFromFile(std::string user, std::filesystem::path password_file) {
  return std::make_unique<HeaderAuthenticator>(
      [user, password_file] { return BasicHeader(user, ReadSecretFile(password_file)); });
}

std::unique_ptr<Authenticator> BearerAuthentication(std::string token) {
  return std::make_unique<HeaderAuthenticator>(BearerHeader(token));
}

std::unique_ptr<Authenticator> BearerAuthenticationFromFile(std::filesystem::path token_file) {
  return std::make_unique<HeaderAuthenticator>([token_file] { return BearerHeader(ReadSecretFile(token_file)); });
}

std::string ReadSecretFile(const std::filesystem::path& file) {
  // O_NONBLOCK: opening a named pipe would wait for its writer.
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    CannotReadErrno(file);
  }
  if (!S_ISREG(info.st_mode)) {
    CannotRead(file, "it is no regular file");
  }
  std::string text(kMaxSecret, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      CannotReadErrno(file);
    }
    if (got == 0) {
      break;
    }
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) {
    text.pop_back();
  }
  if (text.empty()) {
    CannotRead(file, "its first line is empty");
  }
  if (size == kMaxSecret && text.size() == kMaxSecret) {
    CannotRead(file, "its first line is too long for a secret");
  }
  if ((info.st_mode & S_IROTH) != 0) {
    LogWarning(StrCat("The secret file ", file.string(), " can be read by everybody; chmod o-rwx would help"));
  }
  return text;
}

std::string ReadSecretEnvironment(const std::string& variable) {
  const char* value = ::getenv(variable.c_str());
  if (value == nullptr || *value == '\0') {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot read a secret from the environment variable ", variable, ": it is not set or empty"));
  }
  return value;
}

}  // namespace trolley
