#ifndef TROLLEY_HTTP_AUTH_LINES_AUTHENTICATOR_H_
#define TROLLEY_HTTP_AUTH_LINES_AUTHENTICATOR_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "trolley/authenticator.h"
#include "trolley/secret.h"

namespace trolley::internal {

// Sends the same header lines with each request. They are made anew, from their secrets, when the server refuses them.
class LinesAuthenticator : public Authenticator {
 public:
  using Lines = std::vector<std::string>;

  // An exception of `make` leaves the constructor; in Renew() it is logged, and the former lines stay.
  explicit LinesAuthenticator(std::function<Lines()> make) : make_(std::move(make)), lines_(make_()) {}

  Lines Headers(const AuthRequest&) override { return Current(); }
  bool Renew(const AuthRequest&, const HttpHead&, const Lines& sent) override;

 private:
  Lines Current();

  const std::function<Lines()> make_;
  Mutex mutex_;
  Lines lines_ TROLLEY_GUARDED_BY(mutex_);
};

// One line, made from a secret.
std::unique_ptr<Authenticator> LineFromSecret(SecretSource source,
                                              std::function<std::string(const std::string& secret)> make);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_AUTH_LINES_AUTHENTICATOR_H_
