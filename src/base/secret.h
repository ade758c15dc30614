#ifndef TROLLEY_BASE_SECRET_H_
#define TROLLEY_BASE_SECRET_H_

#include <filesystem>
#include <mutex>
#include <string>

namespace trolley {

// Where a secret (a password, a token, a key's pass phrase) is kept. Exactly one member is set.
struct SecretSource {
  std::filesystem::path file = {};  // its first line
  std::string environment = {};     // the name of a variable
  std::string credential = {};      // systemd's LoadCredential=NAME: the file $CREDENTIALS_DIRECTORY/NAME
  std::string text = {};            // the secret itself, for programs that have it from somewhere else

  bool empty() const { return file.empty() && environment.empty() && credential.empty() && text.empty(); }
  // "the file /etc/pacs.secret", for messages; never the secret.
  std::string Describe() const;
  bool operator==(const SecretSource&) const = default;
};

// Throws kInvalidArgument (naming the source, never its content) when there is no secret; warns when a file can be
// read by others. At most 64 KiB, without line break.
std::string ReadSecret(const SecretSource& source);
std::string ReadSecretFile(const std::filesystem::path& file);
std::string ReadSecretEnvironment(const std::string& variable);
// A warning in the log when others may read this file, which holds a secret ("private key", "netrc").
void WarnWhenOthersCanRead(const std::filesystem::path& file, std::string_view what);

// Reads a secret anew each time it is needed, so that it can be changed without a restart. Once it was there, a source
// that cannot be read is a warning, and the last secret counts. Thread-safe.
class SecretReader {
 public:
  explicit SecretReader(SecretSource source) : source_(std::move(source)), last_(trolley::ReadSecret(source_)) {}
  std::string Read();
  const SecretSource& source() const { return source_; }

 private:
  const SecretSource source_;
  std::mutex mutex_;
  std::string last_;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_SECRET_H_
