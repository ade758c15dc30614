#ifndef TROLLEY_BASE_SECRET_READER_H_
#define TROLLEY_BASE_SECRET_READER_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "trolley/secret.h"

namespace trolley {

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
  Mutex mutex_;
  std::string last_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_BASE_SECRET_READER_H_
