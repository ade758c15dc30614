#include "base/secret_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/text.h"
#include "base/unique_fd.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxSecret = size_t{64} << 10;

[[noreturn]] void CannotRead(const std::filesystem::path& file, std::string_view reason) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot read the secret file ", file.string(), ": ", reason));
}

[[noreturn]] void CannotReadErrno(const std::filesystem::path& file) {
  CannotRead(file, std::generic_category().message(errno));
}

void WarnOfMode(mode_t mode, const std::filesystem::path& file, std::string_view what) {
  if ((mode & S_IROTH) != 0) {
    LogWarning(StrCat("The ", what, " file ", file.string(), " can be read by everybody; chmod o-rwx would help"));
  }
}

// What comes before the first line break. `whole`: `text` is all that there is.
std::string FirstLine(const std::filesystem::path& file, std::string text, bool whole) {
  const size_t end = text.find('\n');
  if (end == std::string::npos && !whole) {
    CannotRead(file, "its first line is too long for a secret");
  }
  text.resize(std::min(end, text.size()));
  if (text.ends_with('\r')) {
    text.pop_back();
  }
  if (text.empty()) {
    CannotRead(file, "its first line is empty");
  }
  return text;
}

std::filesystem::path CredentialFile(const std::string& name) {
  const char* directory = ::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory == '\0') {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot read the systemd credential ", name,
                       ": CREDENTIALS_DIRECTORY is not set; the unit needs LoadCredential=", name, ":FILE"));
  }
  if (name == "." || name == ".." || name.find('/') != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument, "Cannot read a systemd credential: its name is no file name");
  }
  return std::filesystem::path(directory) / name;
}

}  // namespace

std::string SecretSource::Describe() const {
  if (!file.empty()) {
    return StrCat("the file ", file.string());
  }
  if (!environment.empty()) {
    return StrCat("the environment variable ", environment);
  }
  if (!credential.empty()) {
    return StrCat("the systemd credential ", credential);
  }
  return text.empty() ? "nowhere" : "a given text";
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
  WarnOfMode(info.st_mode, file, "secret");
  return FirstLine(file, std::move(text), size < kMaxSecret);
}

std::string ReadSecretEnvironment(const std::string& variable) {
  const char* value = ::getenv(variable.c_str());
  if (value == nullptr || *value == '\0') {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot read a secret from the environment variable ", variable, ": it is not set or empty"));
  }
  return value;
}

std::string ReadSecret(const SecretSource& source) {
  const auto given = int{!source.file.empty()} + int{!source.environment.empty()} + int{!source.credential.empty()} +
                     int{!source.text.empty()};
  if (given != 1) {
    throw Error(ErrorCode::kInvalidArgument, given == 0 ? "Cannot read a secret: no file, environment variable or "
                                                          "systemd credential is given for it"
                                                        : "Cannot read a secret: more than one source is given for it");
  }
  if (!source.file.empty()) {
    return ReadSecretFile(source.file);
  }
  if (!source.environment.empty()) {
    return ReadSecretEnvironment(source.environment);
  }
  return source.credential.empty() ? source.text : ReadSecretFile(CredentialFile(source.credential));
}

void WarnWhenOthersCanRead(const std::filesystem::path& file, std::string_view what) {
  struct stat info {};
  if (::stat(file.c_str(), &info) == 0) {
    WarnOfMode(info.st_mode, file, what);
  }
}

std::string SecretReader::Read() {
  try {
    std::string secret = ReadSecret(source_);
    const MutexLock lock(mutex_);
    last_ = std::move(secret);
    return last_;
  } catch (const Error& error) {
    LogWarning(error.what());
  }
  const MutexLock lock(mutex_);
  return last_;
}

}  // namespace trolley
