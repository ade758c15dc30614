#include "http/auth/lines_authenticator.h"

#include <utility>

#include "base/secret_reader.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley::internal {

bool LinesAuthenticator::Renew(const AuthRequest&, const HttpHead&, const Lines& sent) {
  if (Current() != sent) {
    return true;  // another request that was refused has renewed them meanwhile
  }
  try {
    Lines lines = make_();
    const MutexLock lock(mutex_);
    lines_ = std::move(lines);
  } catch (const Error& error) {
    LogWarning(error.what());
  }
  return Current() != sent;  // the same lines would be refused again, and may lock the account
}

LinesAuthenticator::Lines LinesAuthenticator::Current() {
  const MutexLock lock(mutex_);
  return lines_;
}

std::unique_ptr<Authenticator> LineFromSecret(SecretSource source,
                                              std::function<std::string(const std::string& secret)> make) {
  auto reader = std::make_shared<SecretReader>(std::move(source));
  return std::make_unique<LinesAuthenticator>(
      [reader = std::move(reader), make = std::move(make)] { return LinesAuthenticator::Lines{make(reader->Read())}; });
}

}  // namespace trolley::internal
